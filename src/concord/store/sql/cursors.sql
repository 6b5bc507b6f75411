-- name: position
-- Where this sweep or journal stands.
SELECT position FROM cursor WHERE pair = %(pair)s AND name = %(name)s;

-- name: put_position
-- From here it goes on next time.
INSERT INTO cursor (pair, name, position) VALUES (%(pair)s, %(name)s, %(position)s)
ON CONFLICT (pair, name) DO UPDATE SET position = excluded.position;
