-- What a person said can be taken back: a link that was undone stays on record, and counts for nobody any more.
ALTER TABLE link ADD COLUMN taken_back boolean NOT NULL DEFAULT false;
-- Asked by a person who took an answer back: answered by a person only, however alike the two are.
ALTER TABLE review ADD COLUMN reopened boolean NOT NULL DEFAULT false;
CREATE INDEX review_decided ON review (pair, decided_at) WHERE state <> 'open';
