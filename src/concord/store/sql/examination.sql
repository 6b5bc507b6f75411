-- name: has_tables
-- Whether some Concord has been here.
SELECT to_regclass('migration') IS NOT NULL;

-- name: migrations
-- What was brought up to date so far.
SELECT name FROM migration;

-- name: workers
-- Those that have said something within that time, and all.
SELECT count(*) FILTER (WHERE last_heartbeat > now() - %(silent)s), count(*) FROM procrastinate_workers;

-- name: surveyed
-- The pairs whose two accounts were read whole.
SELECT DISTINCT pair FROM cursor WHERE name = 'surveyed' ORDER BY pair;
