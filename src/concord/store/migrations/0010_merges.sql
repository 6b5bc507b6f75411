-- Merges that a person approved: records of one object of one system that become one, for good (SPEC 4.7). Times come from
-- the caller. Whether one was done is told by the systems: a kill may lie between a merge and its note here.

-- survivor_id, losers: as approved; the survivor may have got another id since. taken: {field: the id of the record whose
-- value the survivor gets instead of its own}. state: 'approved' until it is carried out; 'done'; 'dropped': it could not
-- be carried out any more, or the approval was withdrawn. outcome: what came of it, in words.
CREATE TABLE merge (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pair text NOT NULL,
    object_pair text NOT NULL,
    system text NOT NULL,
    object text NOT NULL,
    survivor_id text NOT NULL,
    losers text[] NOT NULL,
    taken jsonb NOT NULL DEFAULT '{}',
    reason text NOT NULL,
    approved_by text NOT NULL,
    approved_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'approved' CHECK (state IN ('approved', 'done', 'dropped')),
    ended_at timestamptz,
    outcome text NOT NULL DEFAULT ''
);
-- What is to be carried out is looked for by every batch, and is next to nothing.
CREATE INDEX merge_open ON merge (pair) WHERE state = 'approved';
