-- Several workers on one pair: what a batch has for itself while it is on the line, beside the inbox rows it claimed:
-- the records at the other ends of links, and the keys under which a newcomer would be found. One worker at a time looks
-- at a record, whichever of the two sides it was told of.
CREATE TABLE seized (
    pair text NOT NULL,
    key text NOT NULL,
    ticket bigint NOT NULL, -- of the claim
    taken_for text NOT NULL, -- the record of the claim for which it was taken: goes with its inbox row
    until timestamptz NOT NULL,
    PRIMARY KEY (pair, key)
) WITH (fillfactor = 70);
CREATE INDEX seized_ticket ON seized (pair, ticket);
