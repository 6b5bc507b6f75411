-- The breaker (SPEC 9.4): what passed, what is held, and how each stands. Times come from the caller.

-- name: kind:object pair:system. opened_at: since when everything of its kind is held; NULL: it is not. linked: how many
-- links there were at linked_at, for limits that are a share of them.
CREATE TABLE breaker (
    pair text NOT NULL,
    name text NOT NULL,
    opened_at timestamptz,
    reason text NOT NULL DEFAULT '',
    allowed_until timestamptz,
    refused_until timestamptz,
    linked bigint NOT NULL DEFAULT 0,
    linked_at timestamptz,
    PRIMARY KEY (pair, name)
);

-- Records that were let through, each once, and when last; rows older than the window are of no use to anybody.
CREATE TABLE breaker_passed (
    pair text NOT NULL,
    name text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (pair, name, system, object, record_id)
);
CREATE INDEX breaker_passed_at ON breaker_passed (pair, name, at);

-- What was held, until a person answers. field: '' for a whole record. partner_*: the record at the other end of its
-- link. shown: what both sides showed of the field, as in base. refused: a person said no, and it is remembered.
CREATE TABLE breaker_held (
    pair text NOT NULL,
    name text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    record_id text NOT NULL,
    field text NOT NULL,
    partner_system text,
    partner_object text,
    partner_id text,
    shown jsonb,
    at timestamptz NOT NULL,
    refused boolean NOT NULL DEFAULT false,
    PRIMARY KEY (pair, name, system, object, record_id, field)
);
