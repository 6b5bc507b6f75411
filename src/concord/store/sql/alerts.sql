-- name: take_look
-- Whether the caller is the one who looks now; then nobody else does until `next_at`.
INSERT INTO alert_look (pair, next_at) VALUES (%(pair)s, %(next_at)s)
ON CONFLICT (pair) DO UPDATE SET next_at = excluded.next_at WHERE alert_look.next_at <= %(now)s
RETURNING pair;

-- name: dead
-- Records that were given up, by cause: of the first `most`, oldest first.
SELECT failure ->> 'category', failure ->> 'code', system, object, failure -> 'fields', count(*), min(due_at),
       to_jsonb(max(failure ->> 'advice'))
  FROM (SELECT failure, system, object, due_at
          FROM inbox
         WHERE pair = %(pair)s AND state = 'dead' AND failure IS NOT NULL
         ORDER BY due_at
         LIMIT %(most)s) AS row
 GROUP BY 1, 2, 3, 4, 5;

-- name: standing
-- What was told and is not over.
SELECT id, name, since, words, advice, count, seen_at, told_at
  FROM alert
 WHERE pair = %(pair)s AND mended_at IS NULL
 ORDER BY id;

-- name: begin
-- These conditions begin: an alert each, unless another process was quicker, and a message for each target.
WITH begun AS (
    INSERT INTO alert (pair, name, since, count, words, advice, seen_at, told_at)
    SELECT %(pair)s, name, since, count, words, advice, %(now)s, %(now)s
      FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS row (name text, since timestamptz, count bigint, words text, advice text)
    ON CONFLICT (pair, name) WHERE mended_at IS NULL DO NOTHING
    RETURNING id, count, words, advice
)
INSERT INTO telling (pair, alert_id, target, state, at, count, words, advice, due_at)
SELECT %(pair)s, begun.id, target, 'begun', %(now)s, begun.count, begun.words, begun.advice, %(now)s
  FROM begun
 CROSS JOIN unnest(%(targets)s::text[]) AS target
 ORDER BY begun.id;

-- name: see
-- These stand as they are now. Two processes in any order: the later look counts.
UPDATE alert AS a
   SET seen_at = greatest(a.seen_at, %(now)s), count = row.count, words = row.words, advice = row.advice
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row (id bigint, count bigint, words text, advice text)
 WHERE a.id = row.id AND a.pair = %(pair)s AND a.mended_at IS NULL;

-- name: remind
-- These are told once more, unless another process did it.
WITH reminded AS (
    UPDATE alert AS a
       SET told_at = %(now)s
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS row (id bigint, told_at timestamptz)
     WHERE a.id = row.id AND a.pair = %(pair)s AND a.mended_at IS NULL AND a.told_at = row.told_at
    RETURNING a.id, a.count, a.words, a.advice
)
INSERT INTO telling (pair, alert_id, target, state, at, count, words, advice, due_at)
SELECT %(pair)s, id, target, 'standing', %(now)s, count, words, advice, %(now)s
  FROM reminded
 CROSS JOIN unnest(%(targets)s::text[]) AS target
 ORDER BY id;

-- name: mend
-- These are over, unless another process has seen one of them stand since.
WITH mended AS (
    UPDATE alert AS a
       SET mended_at = %(now)s
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS row (id bigint, seen_at timestamptz)
     WHERE a.id = row.id AND a.pair = %(pair)s AND a.mended_at IS NULL AND a.seen_at = row.seen_at
    RETURNING a.id, a.count, a.words, a.advice
)
INSERT INTO telling (pair, alert_id, target, state, at, count, words, advice, due_at)
SELECT %(pair)s, id, target, 'mended', %(now)s, count, words, advice, %(now)s
  FROM mended
 CROSS JOIN unnest(%(targets)s::text[]) AS target
 ORDER BY id;

-- name: queue_up
-- Those who note that something is over do it one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('concord alerts ' || %(pair)s, 2));

-- name: note_over
-- Something that could not be noted while it stood is over, unless another process has noted the same already.
WITH noted AS (
    INSERT INTO alert (pair, name, since, count, words, advice, seen_at, told_at, mended_at)
    SELECT %(pair)s, %(name)s, %(since)s, %(count)s, %(words)s, %(advice)s, %(now)s, %(now)s, %(now)s
     WHERE NOT EXISTS (SELECT FROM alert WHERE pair = %(pair)s AND name = %(name)s AND mended_at > %(since)s)
    RETURNING id, count, words, advice
)
INSERT INTO telling (pair, alert_id, target, state, at, count, words, advice, due_at)
SELECT %(pair)s, id, target, 'mended', %(now)s, count, words, advice, %(now)s
  FROM noted
 CROSS JOIN unnest(%(targets)s::text[]) AS target;

-- name: claim
-- The first message that waits for each target, if its time has come: messages arrive in the order in which things
-- happened, and one that cannot be sent holds up only its own target's.
WITH first AS (
    SELECT DISTINCT ON (target) id
      FROM telling
     WHERE pair = %(pair)s AND told_at IS NULL AND given_up_at IS NULL AND target = ANY (%(targets)s::text[])
     ORDER BY target, id
), chosen AS (
    SELECT t.id
      FROM telling AS t
     WHERE t.id IN (SELECT id FROM first) AND t.told_at IS NULL AND t.given_up_at IS NULL AND t.due_at <= %(now)s
       AND (t.leased_until IS NULL OR t.leased_until <= %(now)s)
       FOR UPDATE SKIP LOCKED
)
UPDATE telling AS t
   SET leased_until = %(until)s, attempts = attempts + 1
  FROM chosen, alert AS a
 WHERE t.id = chosen.id AND a.id = t.alert_id
RETURNING t.id, t.target, t.attempts, a.id, t.state, t.at, a.name, a.since, t.words, t.advice, t.count;

-- name: told
-- This message has arrived. remark: what the target said beside that.
UPDATE telling SET told_at = %(now)s, leased_until = NULL, error = %(remark)s WHERE id = %(id)s;

-- name: not_told
-- This message has not arrived, and is sent again then.
UPDATE telling SET leased_until = NULL, due_at = %(due_at)s, error = %(error)s WHERE id = %(id)s;

-- name: give_up
-- Messages that nobody would want any more.
UPDATE telling
   SET given_up_at = %(now)s
 WHERE pair = %(pair)s AND told_at IS NULL AND given_up_at IS NULL AND at < %(before)s;

-- name: forget
-- What has long been over, with its messages.
DELETE FROM alert WHERE pair = %(pair)s AND mended_at < %(before)s;

-- name: untold
-- Messages that have not arrived, and those that wait behind them, by target.
SELECT target, count(*), min(at), max(attempts), (array_agg(error ORDER BY id) FILTER (WHERE error IS NOT NULL))[1],
       (array_agg(due_at ORDER BY id) FILTER (WHERE given_up_at IS NULL))[1]
  FROM telling
 WHERE pair = %(pair)s AND told_at IS NULL AND (given_up_at IS NULL OR given_up_at > %(since)s)
 GROUP BY target
HAVING bool_or(error IS NOT NULL)
 ORDER BY target;

-- name: over
-- What ended since then, the newest first.
SELECT id, name, since, words, advice, count, mended_at
  FROM alert
 WHERE pair = %(pair)s AND mended_at > %(since)s
 ORDER BY mended_at DESC, id DESC
 LIMIT %(most)s;
