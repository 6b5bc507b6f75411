-- Fields of links that two sets of rules chased each other through (SPEC 3.7); how often they were written before is told
-- by the ledger. Times come from the caller.

-- stopped_at: since when the field is not written; NULL: it was let go. counted_from: what was written before counts no
-- more.
CREATE TABLE chase (
    pair text NOT NULL,
    link_id bigint NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    field text NOT NULL,
    stopped_at timestamptz,
    counted_from timestamptz,
    PRIMARY KEY (link_id, field)
);
CREATE INDEX chase_stopped ON chase (pair, stopped_at);
