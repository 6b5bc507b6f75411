-- What several processes share of an account's limits (SPEC 9.3). By account and not by pair: two pairs that have one
-- organisation or portal share what it allows. An account is "system id", as "hubspot 62515".

-- A day's allowance. granted: our calls so far, ever; each has its number, its ticket. used, most: as the vendor told in
-- the answer to the call with the ticket told_ticket, at told_at; so the calls after that one come on top; null: never.
-- resets_at: null where the day rolls. The row named 'calls' is also the lock under which turns are given out.
CREATE TABLE budget_day (
    account text NOT NULL,
    name text NOT NULL,
    granted bigint NOT NULL DEFAULT 0,
    used bigint,
    most bigint,
    told_at timestamptz,
    told_ticket bigint NOT NULL DEFAULT 0,
    resets_at timestamptz,
    PRIMARY KEY (account, name)
) WITH (fillfactor = 50);

-- When calls were granted under a limit: epoch seconds, oldest first, and how many each time (core/budget.py, Log).
CREATE TABLE budget_log (
    account text NOT NULL,
    name text NOT NULL,
    times double precision[] NOT NULL,
    calls integer[] NOT NULL,
    PRIMARY KEY (account, name)
) WITH (fillfactor = 50);

-- What was told over the last two days, one row every few minutes, for the forecast.
CREATE TABLE budget_sample (
    account text NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (account, name, at)
);

-- How many calls may go under a limit at this moment, and else how long until the next one may: `free` in core/budget.py.
CREATE FUNCTION budget_free(
    in_most integer, in_seconds double precision, in_at_once integer,
    in_times double precision[], in_calls integer[], in_now double precision,
    OUT free integer, OUT wait double precision, OUT used integer
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    first_at double precision;
    last_at double precision;
BEGIN
    SELECT coalesce(sum(log.n), 0)::integer, min(log.t), max(log.t) INTO used, first_at, last_at
    FROM unnest(in_times, in_calls) AS log (t, n)
    WHERE log.t + in_seconds > in_now + 1e-6 AND log.t <= in_now + in_seconds;
    wait := 0;
    IF in_most IS NULL THEN
        free := NULL;
    ELSIF used < in_at_once THEN
        free := in_at_once - used;
    ELSIF used >= in_most THEN
        free := 0;
        wait := first_at + in_seconds - in_now;
    ELSE
        wait := last_at + (first_at + in_seconds - last_at) / (in_most - used + 1) - in_now;
        free := CASE WHEN wait <= 1e-6 THEN 1 ELSE 0 END;
        wait := CASE WHEN wait <= 1e-6 THEN 0 ELSE wait END;
    END IF;
END;
$$;

-- Takes turns for several wants, the most urgent first: `grant` in core/budget.py, for all processes at once.
-- in_wants: [{"count", "ceiling", "limits": [{"name", "most", "seconds", "at_once"}]}]. in_told: what the vendor told since
-- the last time, or null. in_now: null in production, where this server's clock counts; tests pass theirs.
CREATE FUNCTION budget_take(in_account text, in_wants jsonb, in_told jsonb, in_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    day budget_day;
    now_at timestamptz;
    now_s double precision;
    today bigint;
    want jsonb;
    lim jsonb;
    log budget_log;
    here record;
    grain double precision;
    n integer;
    by_name text;
    longest double precision;
    counted jsonb;
    grants jsonb := '[]';
BEGIN
    SELECT * INTO day FROM budget_day WHERE account = in_account AND name = 'calls' FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO budget_day (account, name) VALUES (in_account, 'calls') ON CONFLICT DO NOTHING;
        SELECT * INTO day FROM budget_day WHERE account = in_account AND name = 'calls' FOR UPDATE;
    END IF;
    -- After the lock, or a process that waited for it would write a time from before the last one's.
    now_at := coalesce(in_now, clock_timestamp());
    now_s := extract(epoch FROM now_at);
    IF in_told IS NOT NULL AND (in_told ->> 'ticket')::bigint >= day.told_ticket THEN
        day.used := (in_told ->> 'used')::bigint;
        day.most := (in_told ->> 'most')::bigint;
        day.told_ticket := (in_told ->> 'ticket')::bigint;
        day.resets_at := to_timestamp((in_told ->> 'resets_at')::double precision);
        day.told_at := now_at;
        PERFORM budget_sampled(in_account, 'calls', day.used, now_at);
    END IF;
    IF day.resets_at <= now_at THEN
        -- A limit of 0 is one that nobody told: the vendor said only that nothing was left of that day.
        day.used := CASE WHEN day.most = 0 THEN NULL ELSE 0 END;
        day.most := nullif(day.most, 0);
        day.told_ticket := day.granted;
        WHILE day.resets_at <= now_at LOOP
            day.told_at := day.resets_at;
            day.resets_at := day.resets_at + interval '24 hours';
        END LOOP;
    END IF;
    today := day.used + day.granted - day.told_ticket;
    FOR want IN SELECT * FROM jsonb_array_elements(in_wants) LOOP
        n := (want ->> 'count')::integer;
        by_name := NULL;
        longest := 0;
        counted := '[]';
        IF today + n > (want ->> 'ceiling')::bigint THEN
            n := greatest(0, (want ->> 'ceiling')::bigint - today);
            by_name := 'day';
        END IF;
        FOR lim IN SELECT * FROM jsonb_array_elements(want -> 'limits') LOOP
            SELECT * INTO log FROM budget_log WHERE account = in_account AND name = lim ->> 'name';
            here := budget_free((lim ->> 'most')::integer, (lim ->> 'seconds')::double precision,
                                (lim ->> 'at_once')::integer, log.times, log.calls, now_s);
            IF here.free < n THEN
                n := here.free;
                by_name := lim ->> 'name';
            END IF;
        END LOOP;
        FOR lim IN SELECT * FROM jsonb_array_elements(want -> 'limits') LOOP
            SELECT array_agg(old.t ORDER BY old.o), array_agg(old.n ORDER BY old.o) INTO log.times, log.calls
            FROM budget_log, unnest(times, calls) WITH ORDINALITY AS old (t, n, o)
            WHERE account = in_account AND name = lim ->> 'name'
                AND old.t + (lim ->> 'seconds')::double precision > now_s + 1e-6
                AND old.t <= now_s + (lim ->> 'seconds')::double precision;
            IF n > 0 THEN
                grain := (lim ->> 'seconds')::double precision / 100;
                IF floor(log.times[cardinality(log.times)] / grain) = floor(now_s / grain) THEN
                    log.times[cardinality(log.times)] := now_s;
                    log.calls[cardinality(log.calls)] := log.calls[cardinality(log.calls)] + n;
                ELSE
                    log.times := log.times || now_s;
                    log.calls := log.calls || n;
                END IF;
                INSERT INTO budget_log (account, name, times, calls)
                VALUES (in_account, lim ->> 'name', log.times, log.calls)
                ON CONFLICT (account, name) DO UPDATE SET times = excluded.times, calls = excluded.calls;
            END IF;
            here := budget_free((lim ->> 'most')::integer, (lim ->> 'seconds')::double precision,
                                (lim ->> 'at_once')::integer, log.times, log.calls, now_s);
            counted := counted || to_jsonb(here.used);
            IF by_name <> 'day' AND here.wait > longest THEN
                longest := here.wait;
                by_name := lim ->> 'name';
            END IF;
        END LOOP;
        today := today + n;
        day.granted := day.granted + n;
        grants := grants || jsonb_build_array(jsonb_build_array(n, longest, by_name, counted));
    END LOOP;
    UPDATE budget_day
    SET granted = day.granted, used = day.used, most = day.most, told_at = day.told_at,
        told_ticket = day.told_ticket, resets_at = day.resets_at
    WHERE account = in_account AND name = 'calls';
    RETURN jsonb_build_object(
        'grants', grants, 'ticket', day.granted, 'used', today, 'most', day.most,
        'told_at', extract(epoch FROM day.told_at), 'resets_at', extract(epoch FROM day.resets_at));
END;
$$;

-- Keeps what was told, where the last sample is some minutes old, and forgets what is older than two days.
CREATE FUNCTION budget_sampled(in_account text, in_name text, in_used bigint, in_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM budget_sample
               WHERE account = in_account AND name = in_name AND at > in_now - interval '5 minutes') THEN
        RETURN;
    END IF;
    INSERT INTO budget_sample (account, name, at, used) VALUES (in_account, in_name, in_now, in_used);
    DELETE FROM budget_sample WHERE account = in_account AND name = in_name AND at < in_now - interval '2 days';
END;
$$;
