-- name: known
-- What is kept of these records.
SELECT k.system, k.object, k.record_id, k.object_pair, k.traits, k.keys, k.version, k.duplicate_object, k.duplicate_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN known AS k
    ON k.pair = %(pair)s AND k.system = w.system AND k.object = w.object AND k.record_id = w.record_id;

-- name: candidates
-- Records of one system that share a blocking key.
SELECT k.system, k.object, k.record_id, k.object_pair, k.traits, k.keys, k.version, k.duplicate_object, k.duplicate_id
  FROM known AS k
 WHERE k.keys && %(keys)s::text[] AND k.pair = %(pair)s AND k.system = %(system)s AND k.object_pair = %(object_pair)s
 ORDER BY k.object, k.record_id;

-- name: put_known
-- Remember these as they were last read; a row that says the same is not written again.
INSERT INTO known AS k (pair, system, object, record_id, object_pair, traits, keys, version, duplicate_object,
                        duplicate_id)
SELECT %(pair)s, n.system, n.object, n.record_id, n.object_pair, n.traits, n.keys, n.version, n.duplicate_object,
       n.duplicate_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           system text, object text, record_id text, object_pair text, traits jsonb, keys text[], version text,
           duplicate_object text, duplicate_id text)
 ORDER BY n.system, n.object, n.record_id
ON CONFLICT (pair, system, object, record_id) DO UPDATE SET
    object_pair = excluded.object_pair, traits = excluded.traits, keys = excluded.keys, version = excluded.version,
    duplicate_object = excluded.duplicate_object, duplicate_id = excluded.duplicate_id
 WHERE (k.object_pair, k.traits, k.keys, k.version, k.duplicate_object, k.duplicate_id)
       IS DISTINCT FROM (excluded.object_pair, excluded.traits, excluded.keys, excluded.version,
                         excluded.duplicate_object, excluded.duplicate_id);

-- name: told
-- What these told of themselves when they became known. One look into the index for each: `OFFSET 0` keeps the planner,
-- who takes a condition on traits for a rare one, from reading the whole table once for every record.
SELECT w.system, w.object, w.record_id, k.told
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
 CROSS JOIN LATERAL (
       SELECT traits ->> 'told' AS told
         FROM known
        WHERE pair = %(pair)s AND system = w.system AND object = w.object AND record_id = w.record_id
       OFFSET 0) AS k
 WHERE k.told IS NOT NULL;

-- name: hold_known
-- Lock these until the transaction ends.
SELECT
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN known AS k
    ON k.pair = %(pair)s AND k.system = w.system AND k.object = w.object AND k.record_id = w.record_id
 ORDER BY k.system, k.object, k.record_id
   FOR UPDATE OF k;

-- name: touch
-- These were read again and tell of themselves what they told before. One that tells something else by now was read by
-- another worker meanwhile: nobody knows who read it later, so no state of it counts as read.
WITH held AS (
    SELECT k.system, k.object, k.record_id, k.traits ->> 'told' IS NOT DISTINCT FROM n.told AS same,
           n.traits, n.version, n.duplicate_object, n.duplicate_id
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
               system text, object text, record_id text, told text, traits jsonb, version text,
               duplicate_object text, duplicate_id text)
      JOIN known AS k
        ON k.pair = %(pair)s AND k.system = n.system AND k.object = n.object AND k.record_id = n.record_id
     ORDER BY k.system, k.object, k.record_id
       FOR UPDATE OF k
)
UPDATE known AS k
   SET traits = CASE WHEN held.same THEN k.traits || held.traits ELSE k.traits END,
       version = CASE WHEN held.same THEN held.version END,
       duplicate_object = held.duplicate_object, duplicate_id = held.duplicate_id
  FROM held
 WHERE k.pair = %(pair)s AND k.system = held.system AND k.object = held.object AND k.record_id = held.record_id
   AND (NOT held.same OR NOT k.traits @> held.traits
        OR (k.version, k.duplicate_object, k.duplicate_id)
           IS DISTINCT FROM (held.version, held.duplicate_object, held.duplicate_id));

-- name: forget
-- These records are not there any more.
DELETE FROM known
 USING jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
 WHERE known.pair = %(pair)s AND known.system = w.system AND known.object = w.object
   AND known.record_id = w.record_id;

-- name: duplicates
-- Those that one of these stands for.
SELECT k.system, k.duplicate_object, k.duplicate_id, k.object, k.record_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN known AS k
    ON k.pair = %(pair)s AND k.system = w.system AND k.duplicate_object = w.object AND k.duplicate_id = w.record_id
 ORDER BY k.object, k.record_id;

-- name: reviews
-- Every review, in any state, with one of these on either side.
WITH wanted AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
)
SELECT r.object_pair, r.left_system, r.left_object, r.left_id, r.right_system, r.right_object, r.right_id,
       r.score, r.evidence, r.state, r.reopened
  FROM wanted AS w
  JOIN review AS r ON r.pair = %(pair)s AND r.left_system = w.system AND r.left_object = w.object
                  AND r.left_id = w.record_id
UNION
SELECT r.object_pair, r.left_system, r.left_object, r.left_id, r.right_system, r.right_object, r.right_id,
       r.score, r.evidence, r.state, r.reopened
  FROM wanted AS w
  JOIN review AS r ON r.pair = %(pair)s AND r.right_system = w.system AND r.right_object = w.object
                  AND r.right_id = w.record_id
 ORDER BY 4, 7;

-- name: open_reviews
-- What waits for a person, best score first.
SELECT object_pair, left_system, left_object, left_id, right_system, right_object, right_id, score, evidence, state,
       reopened
  FROM review
 WHERE pair = %(pair)s AND state = 'open'
 ORDER BY score DESC, left_id, right_id
 LIMIT %(limit)s;

-- name: decided_reviews
-- What persons have said, the newest first.
SELECT object_pair, left_system, left_object, left_id, right_system, right_object, right_id, score, evidence, state,
       reopened, decided_at
  FROM review
 WHERE pair = %(pair)s AND state <> 'open' AND decided_at IS NOT NULL
 ORDER BY decided_at DESC, left_id, right_id
 LIMIT %(limit)s;

-- name: reopen_review
-- What a person said is taken back.
UPDATE review
   SET state = 'open', decided_at = NULL, reopened = true
 WHERE pair = %(pair)s AND state <> 'open'
   AND left_system = %(left_system)s AND left_object = %(left_object)s AND left_id = %(left_id)s
   AND right_system = %(right_system)s AND right_object = %(right_object)s AND right_id = %(right_id)s;

-- name: forget_apart
-- Two of one system were kept apart, and are not any more: nobody is asked, they are matched anew.
DELETE FROM review
 WHERE pair = %(pair)s AND state = 'apart'
   AND left_system = %(left_system)s AND left_object = %(left_object)s AND left_id = %(left_id)s
   AND right_system = %(right_system)s AND right_object = %(right_object)s AND right_id = %(right_id)s;

-- name: called
-- Everybody known under this id.
SELECT system, object, record_id, object_pair FROM known WHERE pair = %(pair)s AND record_id = %(record_id)s;

-- name: put_reviews
-- Ask, or note what a person said. What a person has decided is never asked again (SPEC 4.7).
INSERT INTO review AS r (pair, left_system, left_object, left_id, right_system, right_object, right_id, object_pair,
                         score, evidence, state, opened_at, decided_at)
SELECT %(pair)s, n.left_system, n.left_object, n.left_id, n.right_system, n.right_object, n.right_id, n.object_pair,
       n.score, n.evidence, n.state, %(now)s, CASE WHEN n.state <> 'open' THEN %(now)s END
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           left_system text, left_object text, left_id text, right_system text, right_object text, right_id text,
           object_pair text, score double precision, evidence jsonb, state text)
 ORDER BY n.left_system, n.left_object, n.left_id, n.right_system, n.right_object, n.right_id
ON CONFLICT (pair, left_system, left_object, left_id, right_system, right_object, right_id) DO UPDATE SET
    score = excluded.score, evidence = excluded.evidence, state = excluded.state, decided_at = excluded.decided_at
 WHERE r.state = 'open' OR excluded.state <> 'open';

-- name: answer_reviews
-- A pair that has become a link is no question any more.
UPDATE review AS r
   SET state = 'linked', decided_at = %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           left_system text, left_object text, left_id text, right_system text, right_object text, right_id text)
 WHERE r.pair = %(pair)s AND r.state = 'open'
   AND r.left_system = n.left_system AND r.left_object = n.left_object AND r.left_id = n.left_id
   AND r.right_system = n.right_system AND r.right_object = n.right_object AND r.right_id = n.right_id;

-- name: intend
-- Note creates before they are sent.
INSERT INTO intent (pair, system, object, record_id, target_system, target_object, key_field, key_value, noted_at)
SELECT %(pair)s, n.system, n.object, n.record_id, n.target_system, n.target_object, n.key_field, n.key_value, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS n (
           system text, object text, record_id text, target_system text, target_object text,
           key_field text, key_value text)
 ORDER BY n.system, n.object, n.record_id, n.target_system, n.target_object, n.key_field, n.key_value
ON CONFLICT DO NOTHING;

-- name: intents
-- Creates that were noted for these sources and not yet seen to be done, oldest first.
SELECT i.system, i.object, i.record_id, i.target_system, i.target_object, i.key_field, i.key_value
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
  JOIN intent AS i
    ON i.pair = %(pair)s AND i.system = w.system AND i.object = w.object AND i.record_id = w.record_id
 ORDER BY i.noted_at, i.key_value;

-- name: finish_intents
-- These were carried out, or need not be any more.
DELETE FROM intent AS i
 USING jsonb_to_recordset(%(rows)s::jsonb) AS n (
           system text, object text, record_id text, target_system text, target_object text,
           key_field text, key_value text)
 WHERE i.pair = %(pair)s AND i.system = n.system AND i.object = n.object AND i.record_id = n.record_id
   AND i.target_system = n.target_system AND i.target_object = n.target_object
   AND i.key_field = n.key_field AND i.key_value = n.key_value;
