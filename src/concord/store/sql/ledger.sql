-- name: write
-- Add decisions; nothing in the ledger is ever changed.
INSERT INTO ledger (pair, at, run, event, object_pair, link_id, left_system, left_object, left_id,
                    right_system, right_object, right_id, field, outcome, rule, reason, values,
                    conflict, first_link, wrote)
SELECT %(pair)s, %(now)s, %(run)s, n.event, n.object_pair, n.link_id, n.left_system, n.left_object, n.left_id,
       n.right_system, n.right_object, n.right_id, n.field, n.outcome, n.rule, n.reason, n.values,
       n.conflict, n.first_link, n.wrote
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           event text, object_pair text, link_id bigint, left_system text, left_object text, left_id text,
           right_system text, right_object text, right_id text, field text, outcome text, rule text, reason text,
           values jsonb, conflict boolean, first_link boolean, wrote jsonb);

-- name: of_ref
-- What is written about one record, newest first: under its own ref, and under every ref its links ever had.
WITH theirs AS (
    SELECT id AS link_id FROM link
     WHERE pair = %(pair)s AND left_system = %(system)s AND left_object = %(object)s AND left_id = %(record_id)s
    UNION
    SELECT id FROM link
     WHERE pair = %(pair)s AND right_system = %(system)s AND right_object = %(object)s AND right_id = %(record_id)s
    UNION
    SELECT link_id FROM alias
     WHERE pair = %(pair)s AND system = %(system)s AND object = %(object)s AND record_id = %(record_id)s
), hits AS (
    SELECT ledger.id FROM ledger JOIN theirs USING (link_id)
    UNION
    SELECT id FROM ledger
     WHERE pair = %(pair)s AND left_id = %(record_id)s AND left_system = %(system)s AND left_object = %(object)s
    UNION
    SELECT id FROM ledger
     WHERE pair = %(pair)s AND right_id = %(record_id)s AND right_system = %(system)s AND right_object = %(object)s
)
SELECT id, at, run, event, object_pair, link_id, left_system, left_object, left_id,
       right_system, right_object, right_id, field, outcome, rule, reason, values, conflict, first_link, wrote
  FROM ledger JOIN hits USING (id)
 ORDER BY id DESC
 LIMIT %(limit)s;

-- name: conflicts
-- The newest conflicts, `before` a ledger row for paging.
SELECT id, at, run, event, object_pair, link_id, left_system, left_object, left_id,
       right_system, right_object, right_id, field, outcome, rule, reason, values, conflict, first_link, wrote
  FROM ledger
 WHERE pair = %(pair)s AND conflict AND (%(before)s::bigint IS NULL OR id < %(before)s)
 ORDER BY id DESC
 LIMIT %(limit)s;

-- name: by_rule
-- How many fields were decided by which rule, and how many of those were conflicts or first links.
SELECT rule, count(*), count(*) FILTER (WHERE conflict), count(*) FILTER (WHERE first_link)
  FROM ledger
 WHERE pair = %(pair)s AND event = 'field'
 GROUP BY rule
 ORDER BY rule;

-- name: totals
-- How many links, questions and duplicates there are.
SELECT (SELECT count(*) FROM link WHERE pair = %(pair)s AND state = 'active'),
       (SELECT count(*) FROM link WHERE pair = %(pair)s AND state = 'closed'),
       (SELECT count(*) FROM review WHERE pair = %(pair)s AND state = 'open'),
       (SELECT count(*) FROM known WHERE pair = %(pair)s AND duplicate_id IS NOT NULL);

-- name: put_latencies
-- How long these took.
INSERT INTO latency (pair, lane, first_seen_at, changed_at, applied_at)
SELECT %(pair)s, n.lane, n.first_seen_at, n.changed_at, n.applied_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           lane smallint, first_seen_at timestamptz, changed_at timestamptz, applied_at timestamptz);

-- name: trim_latencies
-- Keep the newest.
DELETE FROM latency
 WHERE pair = %(pair)s
   AND id <= (SELECT id FROM latency WHERE pair = %(pair)s ORDER BY id DESC OFFSET %(keep)s LIMIT 1);

-- name: latencies
-- The newest measures, oldest of them first.
SELECT lane, first_seen_at, changed_at, applied_at
  FROM (SELECT * FROM latency
         WHERE pair = %(pair)s AND (%(lane)s::smallint IS NULL OR lane = %(lane)s)
         ORDER BY id DESC LIMIT %(limit)s) AS newest
 ORDER BY id;
