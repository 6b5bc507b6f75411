-- name: links
-- The link of each of these refs with its bases: an active one before a closed one, the ref's own before that of an
-- alias, the newest before older ones.
-- One look into each index for every ref (`OFFSET 0`), whatever the planner thinks of tables that have just been filled.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
), found AS (
    SELECT w.*, l.id, l.state, l.roundabout
      FROM wanted AS w
     CROSS JOIN LATERAL (
           SELECT id, state, 0 AS roundabout
             FROM link
            WHERE pair = %(pair)s AND left_system = w.system AND left_object = w.object AND left_id = w.record_id
              AND NOT taken_back
            UNION ALL
           SELECT id, state, 0
             FROM link
            WHERE pair = %(pair)s AND right_system = w.system AND right_object = w.object AND right_id = w.record_id
              AND NOT taken_back
            UNION ALL
           SELECT link.id, link.state, 1
             FROM alias
             JOIN link ON link.id = alias.link_id AND NOT link.taken_back
            WHERE alias.pair = %(pair)s AND alias.system = w.system AND alias.object = w.object
              AND alias.record_id = w.record_id
           OFFSET 0) AS l
), best AS (
    SELECT DISTINCT ON (system, object, record_id) system, object, record_id, id
      FROM found
     ORDER BY system, object, record_id, (state = 'active') DESC, roundabout, id DESC
)
SELECT best.system, best.object, best.record_id,
       link.id, link.object_pair, link.left_system, link.left_object, link.left_id,
       link.right_system, link.right_object, link.right_id, link.score, link.evidence, link.state,
       link.left_read_at, link.right_read_at, base.fields::text
  FROM best
 CROSS JOIN LATERAL (SELECT * FROM link WHERE id = best.id OFFSET 0) AS link
  LEFT JOIN LATERAL (SELECT fields FROM base WHERE link_id = best.id OFFSET 0) AS base ON true;

-- name: make
-- Link these. One whose left or right is linked already is left out.
INSERT INTO link (pair, object_pair, left_system, left_object, left_id, right_system, right_object, right_id,
                  score, evidence, made_at)
SELECT %(pair)s, n.object_pair, n.left_system, n.left_object, n.left_id, n.right_system, n.right_object, n.right_id,
       n.score, n.evidence, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           object_pair text, left_system text, left_object text, left_id text,
           right_system text, right_object text, right_id text, score double precision, evidence jsonb)
 ORDER BY n.left_system, n.left_object, n.left_id
ON CONFLICT DO NOTHING
RETURNING id, left_system, left_object, left_id, right_system, right_object, right_id;

-- name: standing
-- The active links of these refs, on either side.
SELECT id, left_system, left_object, left_id, right_system, right_object, right_id
  FROM link
  JOIN jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
    ON link.left_system = w.system AND link.left_object = w.object AND link.left_id = w.record_id
 WHERE link.pair = %(pair)s AND link.state = 'active'
UNION
SELECT id, left_system, left_object, left_id, right_system, right_object, right_id
  FROM link
  JOIN jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
    ON link.right_system = w.system AND link.right_object = w.object AND link.right_id = w.record_id
 WHERE link.pair = %(pair)s AND link.state = 'active';

-- name: close
-- These links end; bases stay for the record.
UPDATE link
   SET state = 'closed', closed_at = %(now)s, closed_because = c.reason
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS c (link_id bigint, reason text)
 WHERE link.pair = %(pair)s AND link.id = c.link_id AND link.state = 'active';

-- name: take_back
-- A person says that these two are not one after all: the link ends, and counts for neither any more.
UPDATE link
   SET state = 'closed', taken_back = true, closed_at = %(now)s, closed_because = %(reason)s
 WHERE pair = %(pair)s AND state = 'active'
   AND left_system = %(left_system)s AND left_object = %(left_object)s AND left_id = %(left_id)s
   AND right_system = %(right_system)s AND right_object = %(right_object)s AND right_id = %(right_id)s
RETURNING id, object_pair;

-- name: hold
-- One link's two refs, locked until the transaction ends.
SELECT left_system, left_object, left_id, right_system, right_object, right_id
  FROM link
 WHERE pair = %(pair)s AND id = %(link_id)s
   FOR UPDATE;

-- name: move_left
-- The left record lives on under another ref, unless that ref has an active link of its own.
UPDATE link
   SET left_system = %(system)s, left_object = %(object)s, left_id = %(record_id)s
 WHERE pair = %(pair)s AND id = %(link_id)s
   AND NOT EXISTS (
       SELECT FROM link AS other
        WHERE other.pair = %(pair)s AND other.left_system = %(system)s AND other.left_object = %(object)s
          AND other.left_id = %(record_id)s AND other.state = 'active' AND other.id <> %(link_id)s);

-- name: move_right
-- The right record lives on under another ref, unless that ref has an active link of its own.
UPDATE link
   SET right_system = %(system)s, right_object = %(object)s, right_id = %(record_id)s
 WHERE pair = %(pair)s AND id = %(link_id)s
   AND NOT EXISTS (
       SELECT FROM link AS other
        WHERE other.pair = %(pair)s AND other.right_system = %(system)s AND other.right_object = %(object)s
          AND other.right_id = %(record_id)s AND other.state = 'active' AND other.id <> %(link_id)s);

-- name: put_alias
-- An old ref leads to this link from now on.
INSERT INTO alias (pair, system, object, record_id, link_id)
VALUES (%(pair)s, %(system)s, %(object)s, %(record_id)s, %(link_id)s)
ON CONFLICT (pair, system, object, record_id) DO UPDATE SET link_id = excluded.link_id;

-- name: put_bases
-- What the sides showed, field by field beside what is there, and when they were read.
WITH b AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS b (
        link_id bigint, fields jsonb, left_read_at timestamptz, right_read_at timestamptz)
), stamped AS (
    UPDATE link
       SET left_read_at = coalesce(b.left_read_at, link.left_read_at),
           right_read_at = coalesce(b.right_read_at, link.right_read_at)
      FROM b
     WHERE link.pair = %(pair)s AND link.id = b.link_id
)
INSERT INTO base (pair, link_id, fields)
SELECT %(pair)s, b.link_id, b.fields FROM b WHERE b.fields IS NOT NULL ORDER BY b.link_id
ON CONFLICT (link_id) DO UPDATE SET fields = base.fields || excluded.fields
 WHERE base.fields IS DISTINCT FROM base.fields || excluded.fields;

-- name: active
-- Both ends of every active link of an object pair.
SELECT left_system, left_object, left_id, right_system, right_object, right_id
  FROM link
 WHERE pair = %(pair)s AND object_pair = %(object_pair)s AND state = 'active'
 ORDER BY id;

-- name: walk
-- Links in order: the active ones, and those closed of late whose records are not linked otherwise.
SELECT link.id, link.object_pair, link.left_system, link.left_object, link.left_id,
       link.right_system, link.right_object, link.right_id, link.score, link.evidence, link.state,
       link.left_read_at, link.right_read_at,
       (SELECT jsonb_object_agg(key, value)::text FROM jsonb_each(base.fields) WHERE key = ANY (%(fields)s::text[]))
  FROM link
  LEFT JOIN base ON base.link_id = link.id
 WHERE link.pair = %(pair)s AND link.id > %(after)s
   AND (link.state = 'active' OR (link.closed_at > %(since)s AND NOT link.taken_back AND NOT EXISTS (
       SELECT FROM link AS other
        WHERE other.pair = %(pair)s AND other.state = 'active' AND other.left_system = link.left_system
          AND other.left_object = link.left_object AND other.left_id = link.left_id) AND NOT EXISTS (
       SELECT FROM link AS other
        WHERE other.pair = %(pair)s AND other.state = 'active' AND other.right_system = link.right_system
          AND other.right_object = link.right_object AND other.right_id = link.right_id)))
 ORDER BY link.id
 LIMIT %(limit)s;

-- name: count
-- How many there are to walk.
SELECT count(*) FROM link WHERE pair = %(pair)s AND (state = 'active' OR closed_at > %(since)s);
