-- name: take_in
-- Note that these records are to be looked at. What the sender told of a state that was read already is dropped. Many
-- notices of one record become one row: the most urgent lane, the oldest times. A row that is claimed right now keeps
-- what it was claimed for; the notice goes to again_*, where closing finds it. A row that waits for a person, or for
-- a later time, is due again: the change may have been the remedy.
WITH fresh AS (
    SELECT n.system, n.object, n.record_id,
           min(n.lane) AS lane, min(n.seen_at) AS seen_at, min(n.changed_at) AS changed_at
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
               system text, object text, record_id text,
               lane smallint, seen_at timestamptz, changed_at timestamptz, version text)
      LEFT JOIN LATERAL (
           SELECT version
             FROM known
            WHERE pair = %(pair)s AND system = n.system AND object = n.object AND record_id = n.record_id
           OFFSET 0) AS known ON true
     WHERE n.version IS NULL OR n.version IS DISTINCT FROM known.version
     GROUP BY n.system, n.object, n.record_id
)
INSERT INTO inbox AS i (pair, system, object, record_id, lane, first_seen_at, changed_at, due_at)
SELECT %(pair)s, system, object, record_id, lane, seen_at, changed_at, seen_at
  FROM fresh
 ORDER BY system, object, record_id -- one order for everybody, or two intakes wait for each other
ON CONFLICT (pair, system, object, record_id) DO UPDATE SET
    lane = CASE WHEN i.leased_until IS NULL THEN least(i.lane, excluded.lane) ELSE i.lane END,
    first_seen_at = CASE WHEN i.leased_until IS NULL THEN least(i.first_seen_at, excluded.first_seen_at)
                         ELSE i.first_seen_at END,
    changed_at = CASE WHEN i.leased_until IS NULL THEN least(i.changed_at, excluded.changed_at) ELSE i.changed_at END,
    due_at = CASE WHEN i.leased_until IS NULL THEN least(i.due_at, excluded.due_at) ELSE i.due_at END,
    attempts = CASE WHEN i.state = 'dead' THEN 0 ELSE i.attempts END,
    failure = CASE WHEN i.state = 'dead' THEN NULL ELSE i.failure END,
    state = 'waiting',
    again_lane = CASE WHEN i.leased_until IS NOT NULL THEN least(i.again_lane, excluded.lane) END,
    again_seen_at = CASE WHEN i.leased_until IS NOT NULL THEN least(i.again_seen_at, excluded.first_seen_at) END,
    again_changed_at = CASE WHEN i.leased_until IS NOT NULL THEN least(i.again_changed_at, excluded.changed_at) END;

-- name: claim
-- Take rows that are due, of the most urgent lane that has any, oldest first, past those that another worker is taking.
-- A lease that ran out is somebody's who died: what was noted meanwhile joins the row. One ticket for all of them.
WITH due AS (
    SELECT system, object, record_id, lane
      FROM inbox
     WHERE pair = %(pair)s AND state = 'waiting' AND due_at <= %(now)s AND lane <= %(up_to)s
       AND (leased_until IS NULL OR leased_until <= %(now)s)
     ORDER BY lane, due_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), claim AS MATERIALIZED (
    SELECT nextval('inbox_ticket') AS ticket, (SELECT min(lane) FROM due) AS lane
)
UPDATE inbox AS i
   SET ticket = claim.ticket,
       leased_until = %(leased_until)s,
       lane = least(i.lane, i.again_lane),
       first_seen_at = least(i.first_seen_at, i.again_seen_at),
       changed_at = least(i.changed_at, i.again_changed_at),
       again_lane = NULL, again_seen_at = NULL, again_changed_at = NULL
  FROM due, claim
 WHERE i.pair = %(pair)s AND i.system = due.system AND i.object = due.object AND i.record_id = due.record_id
   AND due.lane = claim.lane
RETURNING i.system, i.object, i.record_id, i.lane, i.ticket, i.attempts, i.first_seen_at, i.changed_at, i.due_at,
          i.failure ->> 'category';

-- name: seize
-- Have these keys for a claim, as far as no other has them; those that it has now. A claim that ran out has none.
INSERT INTO seized AS s (pair, key, ticket, taken_for, until)
SELECT %(pair)s, w.key, %(ticket)s, w.taken_for, %(until)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (key text, taken_for text)
 ORDER BY w.key -- one order for everybody, or two claims wait for each other
ON CONFLICT (pair, key) DO UPDATE SET
    ticket = excluded.ticket,
    taken_for = CASE WHEN s.ticket = excluded.ticket THEN s.taken_for ELSE excluded.taken_for END,
    until = excluded.until
 WHERE s.ticket = excluded.ticket OR s.until <= %(now)s
RETURNING key;

-- name: let_go
-- What was taken for these rows is free again. Locked first, in the order in which they are seized.
WITH mine AS MATERIALIZED (
    SELECT s.key
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (taken_for text, ticket bigint)
      JOIN seized AS s ON s.pair = %(pair)s AND s.ticket = w.ticket AND s.taken_for = w.taken_for
     ORDER BY s.key
       FOR UPDATE OF s
)
DELETE FROM seized AS s USING mine WHERE s.pair = %(pair)s AND s.key = mine.key;

-- name: lock
-- Lock these rows until the transaction ends, in the order in which they are taken in: whoever changes several does so
-- first, or two of them wait for each other.
SELECT
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN inbox AS i
    ON i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
 ORDER BY i.system, i.object, i.record_id
   FOR UPDATE OF i;

-- name: postpone
-- These claims are given back untouched, to be taken again at due_at: another worker has their record.
UPDATE inbox AS i
   SET due_at = %(due_at)s, leased_until = NULL,
       lane = least(i.lane, i.again_lane),
       first_seen_at = least(i.first_seen_at, i.again_seen_at),
       changed_at = least(i.changed_at, i.again_changed_at),
       again_lane = NULL, again_seen_at = NULL, again_changed_at = NULL
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text, ticket bigint)
 WHERE i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
   AND i.ticket = w.ticket AND i.leased_until IS NOT NULL;

-- name: renew_rows
-- These claims stand longer, as far as nobody has taken them over.
UPDATE inbox AS i
   SET leased_until = %(until)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text, ticket bigint)
 WHERE i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
   AND i.ticket = w.ticket AND i.leased_until > %(now)s;

-- name: renew_seized
WITH mine AS MATERIALIZED (
    SELECT key FROM seized WHERE pair = %(pair)s AND ticket = %(ticket)s AND until > %(now)s ORDER BY key FOR UPDATE
)
UPDATE seized AS s SET until = %(until)s FROM mine WHERE s.pair = %(pair)s AND s.key = mine.key;

-- name: hold
-- Which of these claims still stand, locked until the transaction ends.
SELECT i.system, i.object, i.record_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text, ticket bigint)
  JOIN inbox AS i
    ON i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
   AND i.ticket = w.ticket AND i.leased_until > %(now)s
 ORDER BY i.system, i.object, i.record_id
   FOR UPDATE OF i;

-- name: close
-- These claims are done. A row about which more was said since stays, as if that had been the first word.
WITH w AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text, ticket bigint)
), done AS (
    DELETE FROM inbox AS i USING w
     WHERE i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
       AND i.ticket = w.ticket AND i.leased_until IS NOT NULL AND i.again_seen_at IS NULL
)
UPDATE inbox AS i
   SET lane = i.again_lane, first_seen_at = i.again_seen_at, changed_at = i.again_changed_at, due_at = i.again_seen_at,
       attempts = 0, failure = NULL, leased_until = NULL,
       again_lane = NULL, again_seen_at = NULL, again_changed_at = NULL
  FROM w
 WHERE i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
   AND i.ticket = w.ticket AND i.leased_until IS NOT NULL AND i.again_seen_at IS NOT NULL;

-- name: put_back
-- These claims are not done: look again at due_at, or (dead) when a person has mended the cause. A notice that came
-- meanwhile makes the row due at once, and a dead one alive: it may be the remedy. What fails for another kind of reason
-- than the last time begins to count anew.
UPDATE inbox AS i
   SET state = CASE WHEN w.dead AND i.again_seen_at IS NULL THEN 'dead' ELSE 'waiting' END,
       attempts = CASE WHEN w.dead AND i.again_seen_at IS NOT NULL THEN 0
                       WHEN i.failure ->> 'category' <> w.failure ->> 'category' THEN w.spent
                       ELSE i.attempts + w.spent END,
       due_at = least(w.due_at, i.again_seen_at),
       failure = CASE WHEN w.dead AND i.again_seen_at IS NOT NULL THEN NULL
                      ELSE w.failure || jsonb_build_object(
                               'first_at', coalesce(i.failure ->> 'first_at', w.at), 'last_at', w.at) END,
       leased_until = NULL,
       lane = least(i.lane, i.again_lane),
       first_seen_at = least(i.first_seen_at, i.again_seen_at),
       changed_at = least(i.changed_at, i.again_changed_at),
       again_lane = NULL, again_seen_at = NULL, again_changed_at = NULL
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
           system text, object text, record_id text, ticket bigint,
           at text, due_at timestamptz, failure jsonb, spent integer, dead boolean)
 WHERE i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
   AND i.ticket = w.ticket AND i.leased_until IS NOT NULL;

-- name: mended
-- What these waited for a person with has been seen to. One that somebody is just trying again is left alone.
WITH gone AS (
    SELECT i.system, i.object, i.record_id
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
      JOIN inbox AS i
        ON i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
     WHERE i.state = 'dead'
     ORDER BY i.system, i.object, i.record_id
       FOR UPDATE OF i SKIP LOCKED
)
DELETE FROM inbox AS i
 USING gone
 WHERE i.pair = %(pair)s AND i.system = gone.system AND i.object = gone.object AND i.record_id = gone.record_id;

-- name: backlog
-- How many rows are in which state; "due_later" were put back after a failed try.
SELECT count(*) FILTER (WHERE state = 'waiting' AND leased_until IS NULL AND failure IS NULL),
       count(*) FILTER (WHERE state = 'waiting' AND leased_until IS NOT NULL),
       count(*) FILTER (WHERE state = 'dead'),
       count(*) FILTER (WHERE state = 'waiting' AND leased_until IS NULL AND failure IS NOT NULL)
  FROM inbox
 WHERE pair = %(pair)s;

-- name: stuck
-- Rows with a failure, those that wait for a person first, then by when they are looked at again.
SELECT system, object, record_id, lane, state, attempts, first_seen_at, due_at, failure
  FROM inbox
 WHERE pair = %(pair)s AND failure IS NOT NULL
   AND (state = 'dead' OR %(waiting)s)
 ORDER BY state, due_at, system, object, record_id
 LIMIT %(limit)s;

-- name: revive
-- Try dead rows again: those named, or all that failed for one kind of reason, or (neither given) all. Of those named
-- also what failed and would be tried later, unless somebody is just trying it.
WITH mine AS MATERIALIZED (
    SELECT i.system, i.object, i.record_id
      FROM inbox AS i
     WHERE i.pair = %(pair)s
       AND (i.state = 'dead' OR (%(rows)s::jsonb IS NOT NULL AND i.failure IS NOT NULL
                                 AND (i.leased_until IS NULL OR i.leased_until <= %(now)s)))
       AND (%(category)s::text IS NULL OR i.failure ->> 'category' = %(category)s)
       AND (%(rows)s::jsonb IS NULL OR (i.system, i.object, i.record_id) IN (
               SELECT w.system, w.object, w.record_id
                 FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)))
     ORDER BY i.system, i.object, i.record_id
       FOR UPDATE
)
UPDATE inbox AS i
   SET state = 'waiting', attempts = 0, due_at = %(now)s, failure = NULL
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: hasten
-- A system answers again: what waits for it is due now. What somebody is changing at this moment has its own time.
WITH mine AS MATERIALIZED (
    SELECT system, object, record_id
      FROM inbox
     WHERE pair = %(pair)s AND state = 'waiting' AND failure IS NOT NULL AND failure ->> 'category' = %(category)s
       AND due_at > %(now)s AND leased_until IS NULL
       FOR UPDATE SKIP LOCKED
)
UPDATE inbox AS i
   SET due_at = %(now)s
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: revive_fields
-- Try those dead rows again that failed for one of these kinds of reason and name one of these fields.
WITH mine AS MATERIALIZED (
    SELECT i.system, i.object, i.record_id
      FROM inbox AS i
     WHERE i.pair = %(pair)s AND i.state = 'dead' AND i.failure ->> 'category' = ANY (%(categories)s::text[])
       AND jsonb_exists_any(i.failure -> 'fields', %(names)s::text[])
     ORDER BY i.system, i.object, i.record_id
       FOR UPDATE
)
UPDATE inbox AS i
   SET state = 'waiting', attempts = 0, due_at = %(now)s, failure = NULL
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: next_due
-- When the next row that waits for a later time is to be looked at. A look into the index for each lane: asked after
-- every batch, however many rows wait.
SELECT min(first.due_at)
  FROM unnest(%(lanes)s::smallint[]) AS every (lane)
 CROSS JOIN LATERAL (
       SELECT due_at
         FROM inbox
        WHERE pair = %(pair)s AND lane = every.lane AND state = 'waiting' AND leased_until IS NULL
        ORDER BY due_at
        LIMIT 1) AS first;
