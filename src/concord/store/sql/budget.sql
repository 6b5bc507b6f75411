-- name: take
-- Turns for several wants, and what is known of the day: migrations/0007_budget.sql.
SELECT budget_take(%(account)s, %(wants)s::text::jsonb, %(told)s::text::jsonb, %(now)s::timestamptz)::text;

-- name: tell
-- What was told of an allowance that is not counted here call by call.
WITH told AS (
    INSERT INTO budget_day (account, name, used, most, told_at, resets_at)
    VALUES (%(account)s, %(name)s, %(used)s, %(most)s, coalesce(%(now)s::timestamptz, clock_timestamp()),
            %(resets_at)s::timestamptz)
    ON CONFLICT (account, name) DO UPDATE
    SET used = excluded.used, most = excluded.most, told_at = excluded.told_at, resets_at = excluded.resets_at
    RETURNING account, name, used, told_at
)
SELECT budget_sampled(account, name, used, told_at) FROM told;

-- name: samples
-- What was told of it over the last two days.
SELECT at, used FROM budget_sample WHERE account = %(account)s AND name = %(name)s ORDER BY at;

-- name: days
-- Where the allowances of these accounts stand, with our calls since the last word of them.
SELECT account, name, used + granted - told_ticket, most, told_at, resets_at
FROM budget_day
WHERE account = ANY (%(accounts)s) AND most > 0
ORDER BY account DESC, name;
