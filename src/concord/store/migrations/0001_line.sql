-- What the line needs. Every table has `pair`: one org and one portal. A record is (system, object, record_id).
-- Values, bases and stamps are jsonb as core/values.py writes them. Times come from the caller, never from now().

-- Numbers for claims: one that was given back never comes again, so a worker that lost its lease cannot close a row
-- that another holds by now.
CREATE SEQUENCE inbox_ticket;

-- One row for each record that somebody said to look at. again_*: what was said after the row was claimed; it keeps the
-- row open when the claim is closed, and is the oldest unhandled change then.
CREATE TABLE inbox (
    pair text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    lane smallint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    failure jsonb,
    ticket bigint NOT NULL DEFAULT 0,
    leased_until timestamptz,
    again_lane smallint,
    again_seen_at timestamptz,
    again_changed_at timestamptz,
    PRIMARY KEY (pair, system, object, record_id)
);
-- The claim reads in this order; rows that are put back to a later time are passed over inside the index.
CREATE INDEX inbox_claim ON inbox (pair, lane, due_at) WHERE state = 'waiting';

-- Two records that are one thing.
CREATE TABLE link (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    object_pair text NOT NULL,
    left_system text NOT NULL,
    left_object text NOT NULL,
    left_id text NOT NULL,
    right_system text NOT NULL,
    right_object text NOT NULL,
    right_id text NOT NULL,
    score double precision NOT NULL,
    evidence jsonb NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closed')),
    left_read_at timestamptz,
    right_read_at timestamptz,
    made_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_because text
);
-- One record is never two things at once, whatever two workers decide at the same moment.
CREATE UNIQUE INDEX link_left_active ON link (pair, left_system, left_object, left_id) WHERE state = 'active';
CREATE UNIQUE INDEX link_right_active ON link (pair, right_system, right_object, right_id) WHERE state = 'active';
CREATE INDEX link_left ON link (pair, left_system, left_object, left_id);
CREATE INDEX link_right ON link (pair, right_system, right_object, right_id);

-- A record that lives on under another ref (merged, converted): its old ref still leads to the link.
CREATE TABLE alias (
    pair text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    link_id bigint NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    PRIMARY KEY (pair, system, object, record_id)
);

-- {field: {"l": value, "r": value, "o": {"side", "at", "certain", "source", "by"}}} for each link (DESIGN, Base).
CREATE TABLE base (
    pair text NOT NULL,
    link_id bigint PRIMARY KEY REFERENCES link (id) ON DELETE CASCADE,
    fields jsonb NOT NULL
) WITH (fillfactor = 70);

-- What identity compares, of every record that was read.
CREATE TABLE known (
    pair text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    object_pair text NOT NULL,
    traits jsonb NOT NULL,
    keys text[] NOT NULL,
    version text,
    duplicate_object text,
    duplicate_id text,
    PRIMARY KEY (pair, system, object, record_id)
) WITH (fillfactor = 80);
CREATE INDEX known_keys ON known USING gin (keys);
CREATE INDEX known_duplicates ON known (pair, system, duplicate_object, duplicate_id) WHERE duplicate_id IS NOT NULL;

-- Pairs for a person, and what the person said; "apart" is remembered for ever (SPEC 4.7).
CREATE TABLE review (
    pair text NOT NULL,
    left_system text NOT NULL,
    left_object text NOT NULL,
    left_id text NOT NULL,
    right_system text NOT NULL,
    right_object text NOT NULL,
    right_id text NOT NULL,
    object_pair text NOT NULL,
    score double precision NOT NULL,
    evidence jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'linked', 'apart')),
    opened_at timestamptz NOT NULL,
    decided_at timestamptz,
    PRIMARY KEY (pair, left_system, left_object, left_id, right_system, right_object, right_id)
);
CREATE INDEX review_right ON review (pair, right_system, right_object, right_id);
CREATE INDEX review_open ON review (pair, opened_at) WHERE state = 'open';

-- Creates that are about to be sent; gone when they are done (DESIGN, Intend).
CREATE TABLE intent (
    pair text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    target_system text NOT NULL,
    target_object text NOT NULL,
    key_field text NOT NULL,
    key_value text NOT NULL,
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (pair, system, object, record_id, target_system, target_object, key_field, key_value)
);

-- Every decision with what it was decided on (SPEC 3.4). event: 'field', or what became of a link.
CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    at timestamptz NOT NULL,
    run text NOT NULL,
    event text NOT NULL CHECK (event IN ('field', 'linked', 'not linked', 'closed', 'moved')),
    object_pair text NOT NULL,
    link_id bigint,
    left_system text,
    left_object text,
    left_id text,
    right_system text,
    right_object text,
    right_id text,
    field text,
    outcome text,
    rule text,
    reason text NOT NULL,
    -- {"l", "r", "b", "wl", "wr", "ls", "rs", "winner"}: both values, the base, what was written, both stamps
    values jsonb NOT NULL,
    conflict boolean NOT NULL DEFAULT false,
    first_link boolean NOT NULL DEFAULT false,
    wrote jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX ledger_link ON ledger (link_id, id) WHERE link_id IS NOT NULL;
CREATE INDEX ledger_left ON ledger (pair, left_id, id) WHERE left_id IS NOT NULL;
CREATE INDEX ledger_right ON ledger (pair, right_id, id) WHERE right_id IS NOT NULL;
CREATE INDEX ledger_conflicts ON ledger (pair, id) WHERE conflict;

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append only: a row of it is never changed';
END;
$$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();

-- Where each sweep and each journal stands.
CREATE TABLE cursor (
    pair text NOT NULL,
    name text NOT NULL,
    position text NOT NULL,
    PRIMARY KEY (pair, name)
);

-- How long it took from a change to its applied write, for the last few thousand rows (SPEC 6.5).
CREATE TABLE latency (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    lane smallint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz,
    applied_at timestamptz NOT NULL
);
CREATE INDEX latency_pair ON latency (pair, id);
