-- What `concord status`, `concord errors` and /metrics ask, without reading whole tables.

-- Rows that failed: few beside a backlog of a million, and asked for often.
CREATE INDEX inbox_failed ON inbox (pair, state, due_at) WHERE failure IS NOT NULL;

-- How many fields were written, and how many conflicts there were, on a day.
CREATE INDEX ledger_written ON ledger (pair, at) WHERE event = 'field' AND wrote <> '[]';
CREATE INDEX ledger_conflicts_by_time ON ledger (pair, at) WHERE conflict;
