-- name: pages
-- How large the inbox is, in pages: the statistics of the planner lag behind a burst, this does not.
SELECT pg_relation_size('inbox') / current_setting('block_size')::integer;

-- name: sample
-- The rows on `percent` of the inbox's pages, chosen at random (100: all), by lane, state and kind of failure.
SELECT lane,
       CASE WHEN state = 'dead' THEN 'dead'
            WHEN leased_until > %(now)s THEN 'claimed'
            WHEN failure IS NOT NULL THEN 'later'
            ELSE 'waiting' END AS standing,
       failure ->> 'category' AS category,
       count(*),
       min(first_seen_at)
  FROM inbox TABLESAMPLE SYSTEM (%(percent)s)
 WHERE pair = %(pair)s
 GROUP BY lane, standing, category;

-- name: first_of_lanes
-- The first `most` rows of each lane, in the order of the claim: what is not more than that is counted exactly, beside
-- whatever backlog in other lanes. The oldest of them is the lane's oldest, or nearly.
SELECT wanted.lane, first.*
  FROM unnest(%(lanes)s::smallint[]) AS wanted (lane)
 CROSS JOIN LATERAL (
       SELECT count(*),
              count(*) FILTER (WHERE leased_until > %(now)s),
              count(*) FILTER (WHERE failure IS NOT NULL AND (leased_until IS NULL OR leased_until <= %(now)s)),
              min(first_seen_at)
         FROM (SELECT leased_until, failure, first_seen_at
                 FROM inbox
                WHERE pair = %(pair)s AND state = 'waiting' AND lane = wanted.lane
                ORDER BY due_at
                LIMIT %(most)s) AS row) AS first;

-- name: first_failed
-- The first `most` rows that failed, by lane, state and kind of failure.
SELECT lane, state, category, count(*)
  FROM (SELECT lane, state, failure ->> 'category' AS category
          FROM inbox
         WHERE pair = %(pair)s AND failure IS NOT NULL
         ORDER BY state, due_at
         LIMIT %(most)s) AS row
 GROUP BY lane, state, category;

-- name: causes
-- Rows that failed, by cause. Each counts from the time when it first failed; of one that an older version wrote, from
-- when it was given up or first heard of. The newest message is the greatest of "time, then message".
SELECT failure ->> 'category', failure ->> 'code', system, object, failure -> 'fields',
       count(*) FILTER (WHERE state = 'dead'),
       count(*) FILTER (WHERE state = 'waiting'),
       min(at),
       count(*) FILTER (WHERE at > %(now)s - interval '1 hour'),
       to_jsonb(substr(max((to_char(at, 'YYYYMMDDHH24MISSUS') || (failure ->> 'message')) COLLATE "C"), 21)),
       to_jsonb(max(failure ->> 'advice')),
       min(due_at) FILTER (WHERE state = 'waiting')
  FROM (SELECT failure, system, object, state, due_at,
               coalesce((failure ->> 'first_at')::timestamptz,
                        CASE WHEN state = 'dead' THEN due_at ELSE first_seen_at END) AS at
          FROM inbox
         WHERE pair = %(pair)s AND failure IS NOT NULL) AS row
 GROUP BY 1, 2, 3, 4, 5;

-- name: failed_for
-- Rows that failed for one of these causes (and, where it is given, with that value refused, alone or among several),
-- those that wait for a person first, then by when they are tried again.
SELECT i.system, i.object, i.record_id, i.lane, i.state, i.attempts, i.first_seen_at, i.due_at, i.failure
  FROM inbox AS i
  JOIN jsonb_to_recordset(%(causes)s::jsonb) AS c (category text, code text, system text, object text, fields jsonb)
    ON i.system = c.system AND i.object = c.object AND i.failure ->> 'category' = c.category
   AND i.failure ->> 'code' IS NOT DISTINCT FROM c.code AND i.failure -> 'fields' = c.fields
 WHERE i.pair = %(pair)s AND i.failure IS NOT NULL
   AND (%(value)s::text IS NULL OR EXISTS (
           SELECT FROM jsonb_array_elements(i.failure -> 'refused') AS r
            WHERE %(value)s IN (r ->> 'v', r -> 'v' ->> 'n', r -> 'v' ->> 't', r -> 'v' ->> 'd')
               OR jsonb_exists(r -> 'v' -> 'm', %(value)s)))
 ORDER BY i.state, i.due_at, i.system, i.object, i.record_id
 LIMIT %(limit)s;

-- name: failed_of
-- Those of these records that failed.
SELECT i.system, i.object, i.record_id, i.lane, i.state, i.attempts, i.first_seen_at, i.due_at, i.failure
  FROM inbox AS i
  JOIN jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
 USING (system, object, record_id)
 WHERE i.pair = %(pair)s AND i.failure IS NOT NULL
 ORDER BY i.state, i.due_at, i.system, i.object, i.record_id;

-- name: revive_causes
-- Try those rows again that failed for one of these causes, dead ones and those that would be tried later; not what
-- somebody is just trying.
WITH mine AS MATERIALIZED (
    SELECT i.system, i.object, i.record_id
      FROM jsonb_to_recordset(%(causes)s::jsonb) AS c (category text, code text, system text, object text, fields jsonb)
      JOIN inbox AS i
        ON i.system = c.system AND i.object = c.object AND i.failure ->> 'category' = c.category
       AND i.failure ->> 'code' IS NOT DISTINCT FROM c.code AND i.failure -> 'fields' = c.fields
     WHERE i.pair = %(pair)s AND i.failure IS NOT NULL AND (i.leased_until IS NULL OR i.leased_until <= %(now)s)
       AND (%(value)s::text IS NULL OR EXISTS (
               SELECT FROM jsonb_array_elements(i.failure -> 'refused') AS r
                WHERE %(value)s IN (r ->> 'v', r -> 'v' ->> 'n', r -> 'v' ->> 't', r -> 'v' ->> 'd')
                   OR jsonb_exists(r -> 'v' -> 'm', %(value)s)))
     ORDER BY i.system, i.object, i.record_id
       FOR UPDATE OF i
)
UPDATE inbox AS i
   SET state = 'waiting', attempts = 0, due_at = %(now)s, failure = NULL
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: percentiles
-- How long it took, by lane and (lane NULL) over all, of what was applied since then.
SELECT lane, count(*), percentile_disc(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY seconds), max(seconds),
       min(applied_at)
  FROM (SELECT lane, applied_at,
               greatest(0, extract(epoch FROM applied_at - coalesce(changed_at, first_seen_at)))::float8 AS seconds
          FROM latency
         WHERE pair = %(pair)s AND applied_at > %(since)s) AS measured
 GROUP BY GROUPING SETS ((lane), ())
 ORDER BY lane NULLS LAST;

-- name: days
-- Fields written and conflicts on each of these days (UTC), newest first.
SELECT day::date,
       (SELECT count(*) FROM ledger
         WHERE pair = %(pair)s AND event = 'field' AND wrote <> '[]' AND at >= day AND at < day + interval '1 day'),
       (SELECT count(*) FROM ledger
         WHERE pair = %(pair)s AND conflict AND at >= day AND at < day + interval '1 day')
  FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 day') AS day
 ORDER BY day DESC;

-- name: positions
-- Where each sweep and each feed stands, and when each feed was last followed.
SELECT name, position FROM cursor WHERE pair = %(pair)s;

-- name: questions
-- How many pairs wait for a person to say whether they are one.
SELECT count(*) FROM review WHERE pair = %(pair)s AND state = 'open';

-- name: heartbeat
-- Workers that have said something within that time, and how long ago the last of all did. By the database's own
-- clock, which they are stamped with.
SELECT count(*) FILTER (WHERE last_heartbeat > now() - %(silent)s),
       extract(epoch FROM now() - max(last_heartbeat))::float8
  FROM procrastinate_workers;

-- name: news
-- What committed since the last look, each row once: how long changes took, by lane and by how many of `bounds` are not
-- below it (that is, in how many buckets of a histogram it counts), and how many conflicts there were. What was written
-- before that look and committed after it is told by its transaction, which was not visible in the snapshot of that
-- look (`snapshot`; NULL: this is the first look). Nothing from before `since` counts, and rows up to the floors, which
-- the last look left far behind, are not looked at. Holds for rows that were not written under a savepoint.
WITH clock AS (
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax
), applied AS (
    SELECT lane, greatest(0, extract(epoch FROM applied_at - coalesce(changed_at, first_seen_at)))::float8 AS seconds
      FROM latency, clock
     WHERE pair = %(pair)s AND id > %(latency_floor)s AND applied_at >= %(since)s
       AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(
                -- the row's transaction, of which the table keeps the lower 32 bits
                (clock.xmax - ((clock.xmax - latency.xmin::text::bigint) & 4294967295))::text::xid8,
                %(snapshot)s::pg_snapshot))
), grouped AS (
    SELECT lane, width_bucket(-seconds, %(bounds)s::float8[]) AS buckets, count(*) AS many, sum(seconds) AS seconds
      FROM applied
     GROUP BY lane, buckets
), conflicts AS (
    SELECT count(*) AS many
      FROM ledger, clock
     WHERE pair = %(pair)s AND conflict AND id > %(ledger_floor)s AND at >= %(since)s
       AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(
                (clock.xmax - ((clock.xmax - ledger.xmin::text::bigint) & 4294967295))::text::xid8,
                %(snapshot)s::pg_snapshot))
)
SELECT pg_current_snapshot()::text,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(lane, buckets, many, seconds)), '[]') FROM grouped),
       (SELECT many FROM conflicts),
       (SELECT coalesce(max(id), 0) FROM latency),
       (SELECT coalesce(max(id), 0) FROM ledger);
