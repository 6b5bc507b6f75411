-- name: lock
-- Of two people who approve at one moment the second one sees what the first one did.
LOCK TABLE merge IN SHARE ROW EXCLUSIVE MODE;

-- name: approve
-- A person has approved this merge.
INSERT INTO merge (pair, object_pair, system, object, survivor_id, losers, taken, reason, approved_by, approved_at)
VALUES (%(pair)s, %(object_pair)s, %(system)s, %(object)s, %(survivor_id)s, %(losers)s, %(taken)s::jsonb, %(reason)s,
        %(approved_by)s, %(approved_at)s)
RETURNING id;

-- name: due
-- Approved merges that one of these records carries: the first of the losers.
SELECT m.id, m.object_pair, m.system, m.object, m.survivor_id, m.losers, m.taken, m.reason, m.approved_by, m.approved_at,
       m.state, m.outcome
  FROM merge AS m
 WHERE m.pair = %(pair)s AND m.state = 'approved'
   AND EXISTS (
       SELECT FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
        WHERE w.system = m.system AND w.object = m.object AND w.record_id = m.losers[1])
 ORDER BY m.id;

-- name: standing
-- Approved merges that are not carried out yet, of which one of these records is a part.
SELECT m.id, m.object_pair, m.system, m.object, m.survivor_id, m.losers, m.taken, m.reason, m.approved_by, m.approved_at,
       m.state, m.outcome
  FROM merge AS m
 WHERE m.pair = %(pair)s AND m.state = 'approved'
   AND EXISTS (
       SELECT FROM jsonb_to_recordset(%(rows)s::jsonb) AS w (system text, object text, record_id text)
        WHERE w.system = m.system AND w.object = m.object AND (w.record_id = m.survivor_id OR w.record_id = ANY (m.losers)))
 ORDER BY m.id;

-- name: newest
-- Merges in any state, the newest first.
SELECT id, object_pair, system, object, survivor_id, losers, taken, reason, approved_by, approved_at, state, outcome
  FROM merge
 WHERE pair = %(pair)s AND (%(id)s::bigint IS NULL OR id = %(id)s)
 ORDER BY id DESC
 LIMIT %(limit)s;

-- name: end
-- It is over; nothing where it was over already.
UPDATE merge
   SET state = %(state)s, ended_at = %(now)s, outcome = %(outcome)s
 WHERE pair = %(pair)s AND id = %(id)s AND state = 'approved'
RETURNING id;

-- name: follow
-- Whoever stood beside one of the losers stands beside the survivor now; the survivor stands for itself.
UPDATE known
   SET duplicate_object = CASE WHEN object = %(object)s AND record_id = %(survivor_id)s THEN NULL ELSE %(object)s END,
       duplicate_id = CASE WHEN object = %(object)s AND record_id = %(survivor_id)s THEN NULL ELSE %(survivor_id)s END
 WHERE pair = %(pair)s AND system = %(system)s AND duplicate_object = %(object)s
   AND (duplicate_id = ANY (%(gone)s) OR (object = %(object)s AND record_id = %(survivor_id)s));

-- name: inherit_left
-- Who was kept apart from one of the losers is kept apart from the survivor.
INSERT INTO review (pair, left_system, left_object, left_id, right_system, right_object, right_id, object_pair, score,
                    evidence, state, opened_at, decided_at)
SELECT pair, left_system, left_object, %(survivor_id)s, right_system, right_object, right_id, object_pair, score,
       evidence, state, opened_at, decided_at
  FROM review
 WHERE pair = %(pair)s AND left_system = %(system)s AND left_object = %(object)s AND left_id = ANY (%(gone)s)
   AND state = 'apart' AND NOT (right_system = %(system)s AND right_id = %(survivor_id)s)
ON CONFLICT DO NOTHING;

-- name: inherit_right
-- The same for the other side.
INSERT INTO review (pair, left_system, left_object, left_id, right_system, right_object, right_id, object_pair, score,
                    evidence, state, opened_at, decided_at)
SELECT pair, left_system, left_object, left_id, right_system, right_object, %(survivor_id)s, object_pair, score,
       evidence, state, opened_at, decided_at
  FROM review
 WHERE pair = %(pair)s AND right_system = %(system)s AND right_object = %(object)s AND right_id = ANY (%(gone)s)
   AND state = 'apart' AND NOT (left_system = %(system)s AND left_id = %(survivor_id)s)
ON CONFLICT DO NOTHING;

-- name: unask
-- Open questions about the losers are none any more.
DELETE FROM review
 WHERE pair = %(pair)s AND state = 'open'
   AND ((left_system = %(system)s AND left_object = %(object)s AND left_id = ANY (%(gone)s))
        OR (right_system = %(system)s AND right_object = %(object)s AND right_id = ANY (%(gone)s)));

-- name: groups
-- Records that others of their system stand beside, with those others, and which object pair they belong to.
WITH active AS (
    SELECT DISTINCT k.system, k.duplicate_object, k.duplicate_id
      FROM known AS k
      JOIN known AS a ON a.pair = k.pair AND a.system = k.system AND a.object = k.duplicate_object
                     AND a.record_id = k.duplicate_id
     WHERE k.pair = %(pair)s AND k.duplicate_id IS NOT NULL
     ORDER BY k.system, k.duplicate_object, k.duplicate_id
     LIMIT %(limit)s
)
SELECT active.system, active.duplicate_object, active.duplicate_id, k.object, k.record_id, k.object_pair
  FROM active
  JOIN known AS k ON k.pair = %(pair)s AND k.system = active.system AND k.duplicate_object = active.duplicate_object
                 AND k.duplicate_id = active.duplicate_id
 ORDER BY active.system, active.duplicate_object, active.duplicate_id, k.object, k.record_id;
