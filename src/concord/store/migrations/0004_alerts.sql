-- What administrators are told (SPEC 9.7): conditions that stand or stood, and the messages about them.

-- Who looks next, and when: of many processes one does.
CREATE TABLE alert_look (
    pair text PRIMARY KEY,
    next_at timestamptz NOT NULL
);

-- A condition from its beginning to its end. seen_at: last seen to stand. told_at: last told. mended_at: NULL: it stands.
CREATE TABLE alert (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    name text NOT NULL,
    since timestamptz NOT NULL,
    count bigint NOT NULL,
    words text NOT NULL,
    advice text NOT NULL,
    seen_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    mended_at timestamptz
);
-- Two processes that see a condition begin at one moment make one alert.
CREATE UNIQUE INDEX alert_standing ON alert (pair, name) WHERE mended_at IS NULL;
CREATE INDEX alert_mended ON alert (pair, mended_at) WHERE mended_at IS NOT NULL;

-- One message to one target: written in the transaction that notes the change of state, so that it is never forgotten.
CREATE TABLE telling (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    alert_id bigint NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    target text NOT NULL,
    state text NOT NULL CHECK (state IN ('begun', 'standing', 'mended')),
    at timestamptz NOT NULL,
    count bigint NOT NULL,
    words text NOT NULL,
    advice text NOT NULL,
    due_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    error text,
    told_at timestamptz,
    given_up_at timestamptz
);
CREATE INDEX telling_waiting ON telling (pair, target, id) WHERE told_at IS NULL AND given_up_at IS NULL;
CREATE INDEX telling_alert ON telling (alert_id);
