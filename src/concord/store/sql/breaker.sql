-- name: lock
-- These breakers as they stand, locked until the transaction ends; made where nothing was counted by them before.
INSERT INTO breaker AS b (pair, name)
SELECT %(pair)s, n.name
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (name text)
 ORDER BY n.name -- one order for everybody, or two workers wait for each other
ON CONFLICT (pair, name) DO UPDATE SET name = excluded.name
RETURNING name, opened_at, reason, allowed_until, refused_until, linked, linked_at;

-- name: refused
-- Which of these records a person has refused to have made, or let go.
SELECT h.system, h.object, h.record_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN breaker_held AS h
    ON h.pair = %(pair)s AND h.name = %(name)s AND h.system = w.system AND h.object = w.object
   AND h.record_id = w.record_id AND h.field = ''
 WHERE h.refused;

-- name: prune
-- What passed before the window is over.
DELETE FROM breaker_passed WHERE pair = %(pair)s AND name = %(name)s AND at <= %(since)s;

-- name: passed
-- How many records passed (no more than `most` are counted), and how many of these are among them.
SELECT (SELECT count(*)
          FROM (SELECT FROM breaker_passed
                 WHERE pair = %(pair)s AND name = %(name)s AND at > %(since)s
                 LIMIT %(most)s) AS row),
       (SELECT count(*)
          FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
          JOIN breaker_passed AS p
            ON p.pair = %(pair)s AND p.name = %(name)s AND p.system = w.system AND p.object = w.object
           AND p.record_id = w.record_id
         WHERE p.at > %(since)s);

-- name: linked
-- How many links of an object pair there are.
SELECT count(*) FROM link WHERE pair = %(pair)s AND object_pair = %(object_pair)s AND state = 'active';

-- name: let_through
-- These pass; each counts once, however often it comes.
INSERT INTO breaker_passed (pair, name, system, object, record_id, at)
SELECT %(pair)s, %(name)s, w.system, w.object, w.record_id, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
 ORDER BY w.system, w.object, w.record_id
ON CONFLICT (pair, name, system, object, record_id) DO UPDATE SET at = excluded.at;

-- name: hold
-- These are held. What a person has refused stays as it is.
INSERT INTO breaker_held AS h (pair, name, system, object, record_id, field, partner_system, partner_object, partner_id,
                               shown, at)
SELECT %(pair)s, w.name, w.system, w.object, w.record_id, w.field, w.partner_system, w.partner_object, w.partner_id,
       w.shown, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (
           name text, system text, object text, record_id text, field text,
           partner_system text, partner_object text, partner_id text, shown jsonb)
 ORDER BY w.name, w.system, w.object, w.record_id, w.field
ON CONFLICT (pair, name, system, object, record_id, field) DO UPDATE SET
    partner_system = excluded.partner_system, partner_object = excluded.partner_object,
    partner_id = excluded.partner_id, shown = excluded.shown, at = excluded.at
 WHERE NOT h.refused;

-- name: put
-- How a breaker stands from now on.
UPDATE breaker
   SET opened_at = %(opened_at)s, reason = %(reason)s, allowed_until = %(allowed_until)s,
       refused_until = %(refused_until)s, linked = coalesce(%(linked)s, linked),
       linked_at = coalesce(%(linked_at)s, linked_at)
 WHERE pair = %(pair)s AND name = %(name)s;

-- name: open
-- Those that hold everything, the oldest first.
SELECT name, opened_at, reason
  FROM breaker
 WHERE pair = %(pair)s AND opened_at IS NOT NULL
 ORDER BY opened_at, name;

-- name: standing
-- Those that are open, were answered a moment ago, or have something that waits or was refused.
SELECT name, opened_at, reason, allowed_until, refused_until, coalesce(w.many, 0), coalesce(r.many, 0)
  FROM breaker
  LEFT JOIN (SELECT one.name, count(*) AS many
               FROM inbox, unnest(string_to_array(failure ->> 'code', ' ')) AS one (name)
              WHERE pair = %(pair)s AND state = 'dead' AND failure ->> 'category' = 'breaker'
              GROUP BY one.name) AS w USING (name)
  LEFT JOIN (SELECT name, count(*) AS many
               FROM breaker_held
              WHERE pair = %(pair)s AND refused
              GROUP BY name) AS r USING (name)
 WHERE pair = %(pair)s
   AND (opened_at IS NOT NULL OR allowed_until > %(now)s OR refused_until > %(now)s OR w.many > 0 OR r.many > 0)
 ORDER BY opened_at NULLS LAST, name;

-- name: samples
-- A few of the records that wait for a breaker's answer.
SELECT system, object, record_id
  FROM inbox
 WHERE pair = %(pair)s AND state = 'dead' AND failure IS NOT NULL AND failure ->> 'category' = 'breaker'
   AND %(name)s = ANY (string_to_array(failure ->> 'code', ' '))
 ORDER BY due_at, system, object, record_id
 LIMIT %(limit)s;

-- name: revive
-- What waits for a breaker's answer is looked at again.
WITH mine AS (
    SELECT system, object, record_id
      FROM inbox
     WHERE pair = %(pair)s AND state = 'dead' AND failure IS NOT NULL AND failure ->> 'category' = 'breaker'
       AND %(name)s = ANY (string_to_array(failure ->> 'code', ' '))
     ORDER BY system, object, record_id
       FOR UPDATE
)
UPDATE inbox AS i
   SET state = 'waiting', attempts = 0, due_at = %(now)s, failure = NULL
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: revive_under_way
-- A batch that was held before the answer, and is written down after it, would wait for ever: as if more was said. (Row
-- by row: of what was just held the planner knows nothing, and would compare every row with every other.)
WITH refs AS MATERIALIZED (
    SELECT system, object, record_id FROM breaker_held
     WHERE pair = %(pair)s AND name = %(name)s AND NOT refused AND at > %(lately)s
    UNION
    SELECT partner_system, partner_object, partner_id FROM breaker_held
     WHERE pair = %(pair)s AND name = %(name)s AND NOT refused AND at > %(lately)s AND partner_id IS NOT NULL
     ORDER BY 1, 2, 3
), mine AS MATERIALIZED (
    SELECT refs.*
      FROM refs
     CROSS JOIN LATERAL (
           SELECT FROM inbox
            WHERE pair = %(pair)s AND system = refs.system AND object = refs.object AND record_id = refs.record_id
              AND leased_until IS NOT NULL
            LIMIT 1
              FOR UPDATE) AS claimed
)
UPDATE inbox AS i
   SET again_lane = least(i.again_lane, i.lane), again_seen_at = least(i.again_seen_at, %(now)s)
  FROM mine
 WHERE i.pair = %(pair)s AND i.system = mine.system AND i.object = mine.object AND i.record_id = mine.record_id;

-- name: unmade
-- The records that a person has refused to have made or let go.
SELECT system, object, record_id FROM breaker_held WHERE pair = %(pair)s AND name = %(name)s AND refused;

-- name: forget
-- Nothing is held or refused by this breaker any more.
DELETE FROM breaker_held WHERE pair = %(pair)s AND name = %(name)s;

-- name: differing
-- The fields that are held and that may differ from now on: of links whose row still waits for this answer, so that
-- nobody has looked at them since, or is being held at this moment.
WITH waiting AS MATERIALIZED (
    SELECT h.*
      FROM breaker_held AS h
     CROSS JOIN LATERAL (
           SELECT FROM (VALUES (h.system, h.object, h.record_id), (h.partner_system, h.partner_object, h.partner_id))
                    AS r (system, object, record_id)
             JOIN inbox AS i
               ON i.pair = %(pair)s AND i.system = r.system AND i.object = r.object AND i.record_id = r.record_id
            WHERE (i.state = 'dead' AND %(name)s = ANY (string_to_array(i.failure ->> 'code', ' ')))
               OR (i.leased_until IS NOT NULL AND h.at > %(lately)s)
            LIMIT 1) AS row
     WHERE h.pair = %(pair)s AND h.name = %(name)s AND h.field <> '' AND h.shown IS NOT NULL
)
SELECT link.id, link.object_pair, link.left_system, link.left_object, link.left_id,
       link.right_system, link.right_object, link.right_id, w.field, w.shown
  FROM waiting AS w
 CROSS JOIN LATERAL (
       (SELECT * FROM link AS l
         WHERE l.pair = %(pair)s AND l.state = 'active'
           AND l.left_system = w.system AND l.left_object = w.object AND l.left_id = w.record_id
           AND l.right_system = w.partner_system AND l.right_object = w.partner_object AND l.right_id = w.partner_id
         LIMIT 1)
       UNION ALL
       (SELECT * FROM link AS l
         WHERE l.pair = %(pair)s AND l.state = 'active'
           AND l.left_system = w.partner_system AND l.left_object = w.partner_object AND l.left_id = w.partner_id
           AND l.right_system = w.system AND l.right_object = w.object AND l.right_id = w.record_id
         LIMIT 1)) AS link
 ORDER BY link.id, w.field;

-- name: refuse
-- Records that wait to be made, or let go, are not.
UPDATE breaker_held AS h
   SET refused = true
 WHERE h.pair = %(pair)s AND h.name = %(name)s AND h.field = '' AND NOT h.refused
   AND EXISTS (
       SELECT FROM (VALUES (h.system, h.object, h.record_id), (h.partner_system, h.partner_object, h.partner_id))
                AS r (system, object, record_id)
         JOIN inbox AS i
           ON i.pair = %(pair)s AND i.system = r.system AND i.object = r.object AND i.record_id = r.record_id
        WHERE (i.state = 'dead' AND %(name)s = ANY (string_to_array(i.failure ->> 'code', ' ')))
           OR (i.leased_until IS NOT NULL AND h.at > %(lately)s));

-- name: settle
-- What was held of fields has its answer in their bases, and for the others nobody waits any more.
DELETE FROM breaker_held WHERE pair = %(pair)s AND name = %(name)s AND NOT refused;
