-- name: past
-- What was written of these fields of late, oldest first, and since when they are stopped. The ledger's ids follow its
-- times, so the first line of the while is found by time, and those of each link from there on by its own index.
WITH first AS MATERIALIZED (
    SELECT id
      FROM ledger
     WHERE pair = %(pair)s AND event = 'field' AND wrote <> '[]' AND at > %(since)s
     ORDER BY at
     LIMIT 1
)
SELECT w.link_id, w.field, chase.stopped_at, l.at, l.outcome, l.rule, l.reason, l.conflict, l.first_link, l.values
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (link_id bigint, field text)
  LEFT JOIN chase ON chase.link_id = w.link_id AND chase.field = w.field
  LEFT JOIN LATERAL (
       SELECT *
         FROM ledger
        WHERE ledger.link_id = w.link_id AND ledger.id >= (SELECT id FROM first) AND ledger.field = w.field
          AND ledger.wrote <> '[]' AND ledger.at > greatest(%(since)s, chase.counted_from)) AS l ON true
 ORDER BY w.link_id, w.field, l.id;

-- name: stop
-- These are not written from now on.
INSERT INTO chase (pair, link_id, field, stopped_at)
SELECT %(pair)s, w.link_id, w.field, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (link_id bigint, field text)
 ORDER BY w.link_id, w.field -- one order for everybody, or two workers wait for each other
ON CONFLICT (link_id, field) DO UPDATE SET stopped_at = excluded.stopped_at;

-- name: failing
-- Stopped fields of records that failed, whatever for: what waits for a person, or for a later time. Locked before the
-- rows of the inbox, in one order, here as where the pause is over.
SELECT chase.link_id, chase.field
  FROM chase
  JOIN link ON link.id = chase.link_id
 WHERE chase.pair = %(pair)s AND chase.stopped_at IS NOT NULL
   AND EXISTS (
       SELECT FROM (VALUES (link.left_system, link.left_object, link.left_id),
                           (link.right_system, link.right_object, link.right_id)) AS r (system, object, record_id)
         JOIN inbox AS i
           ON i.pair = %(pair)s AND i.system = r.system AND i.object = r.object AND i.record_id = r.record_id
        WHERE i.failure IS NOT NULL)
 ORDER BY chase.link_id, chase.field
   FOR UPDATE OF chase;

-- name: free
-- These are written again, and counted anew.
UPDATE chase
   SET stopped_at = NULL, counted_from = %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (link_id bigint, field text)
 WHERE chase.link_id = w.link_id AND chase.field = w.field;

-- name: let_go
-- What was stopped until that moment is written again and counted anew, and the records that wait for it are looked at.
WITH over AS MATERIALIZED (
    SELECT link_id, field
      FROM chase
     WHERE pair = %(pair)s AND stopped_at <= %(until)s
     ORDER BY link_id, field
       FOR UPDATE
), freed AS (
    UPDATE chase
       SET stopped_at = NULL, counted_from = %(now)s
      FROM over
     WHERE chase.link_id = over.link_id AND chase.field = over.field
    RETURNING chase.link_id
), refs AS (
    SELECT left_system AS system, left_object AS object, left_id AS record_id
      FROM link WHERE id IN (SELECT link_id FROM freed)
    UNION
    SELECT right_system, right_object, right_id FROM link WHERE id IN (SELECT link_id FROM freed)
), mine AS MATERIALIZED (
    SELECT i.system, i.object, i.record_id
      FROM refs
      JOIN inbox AS i
        ON i.pair = %(pair)s AND i.system = refs.system AND i.object = refs.object AND i.record_id = refs.record_id
     WHERE i.state = 'dead' AND i.failure ->> 'category' = 'chase'
     ORDER BY i.system, i.object, i.record_id
       FOR UPDATE OF i
)
UPDATE inbox AS i
   SET state = 'waiting', attempts = 0, due_at = %(now)s, failure = NULL
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: forget
-- What was let go so long ago that nothing from before it would count anyway.
DELETE FROM chase WHERE pair = %(pair)s AND stopped_at IS NULL AND counted_from <= %(since)s;
