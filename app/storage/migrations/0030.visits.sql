-- Visits added up. A scope is a link's code, an account's id, or empty for links that did not fit.
-- Everything is parted by months, so that what is old goes with its table. Nothing of this is read
-- or written by the Go service.
SET lock_timeout = '5s';

-- Which batches are written: one whose answer was lost is not applied again. Kept for a day.
CREATE TABLE IF NOT EXISTS visit_batches (
    id uuid PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS visit_batches_written_idx ON visit_batches (written_at);

CREATE TABLE IF NOT EXISTS visit_slots (
    scope text NOT NULL,
    slot timestamptz NOT NULL,
    visits bigint NOT NULL,
    bots bigint NOT NULL,
    scans bigint NOT NULL,
    PRIMARY KEY (scope, slot)
) PARTITION BY RANGE (slot);

COMMENT ON COLUMN visit_slots.slot IS 'Begin of a quarter of an hour: offsets are multiples of it';

CREATE TABLE IF NOT EXISTS visit_days (
    scope text NOT NULL,
    day date NOT NULL,
    visits bigint NOT NULL,
    bots bigint NOT NULL,
    scans bigint NOT NULL,
    PRIMARY KEY (scope, day)
) PARTITION BY RANGE (day);

COMMENT ON TABLE visit_days IS 'Quarters of an hour that were folded into days of UTC';

CREATE TABLE IF NOT EXISTS visit_values (
    scope text NOT NULL,
    day date NOT NULL,
    dimension smallint NOT NULL,
    value text NOT NULL,
    visits bigint NOT NULL,
    PRIMARY KEY (scope, day, dimension, value)
) PARTITION BY RANGE (day);

CREATE TABLE IF NOT EXISTS visitor_sketches (
    scope text NOT NULL,
    day date NOT NULL,
    visitors bigint NOT NULL,
    sketch bytea NOT NULL,
    PRIMARY KEY (scope, day)
) PARTITION BY RANGE (day);

-- Hashes keyed with the day's salt, until they are folded into a sketch: a minute.
CREATE TABLE IF NOT EXISTS visitor_hashes (
    code text NOT NULL,
    day date NOT NULL,
    hashes bytea NOT NULL
);

CREATE INDEX IF NOT EXISTS visitor_hashes_code_idx ON visitor_hashes (code);

-- One salt a day for all workers, gone after two days: then nobody can tell whose a hash was.
CREATE TABLE IF NOT EXISTS visitor_salts (
    day date PRIMARY KEY,
    salt bytea NOT NULL
);

-- When the visits were last looked after, so that one worker does it for all.
CREATE TABLE IF NOT EXISTS visit_upkeep (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    folded_at timestamptz NOT NULL DEFAULT 'epoch'
);

INSERT INTO visit_upkeep DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Makes the tables of `months` months from `first` on. As the owner's: the service's own role may
-- not make tables, and what it makes would belong to a role that is replaced.
CREATE OR REPLACE FUNCTION visit_partitions(first date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
DECLARE
    parent text;
    begins date;
    made integer := 0;
    part text;
BEGIN
    FOR number IN 0 .. months - 1 LOOP
        begins := date_trunc('month', first)::date + make_interval(months => number);
        FOREACH parent IN ARRAY ARRAY['visit_slots', 'visit_days', 'visit_values', 'visitor_sketches']
        LOOP
            part := format('%s_%s', parent, to_char(begins, 'YYYY_MM'));
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                part, parent,
                CASE parent WHEN 'visit_slots' THEN begins || ' 00:00+00' ELSE begins::text END,
                CASE parent WHEN 'visit_slots' THEN (begins + interval '1 month')::date || ' 00:00+00'
                    ELSE (begins + interval '1 month')::date::text END
            );
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the tables of months that ended before `before`: of all kinds, or of one.
CREATE OR REPLACE FUNCTION visit_partitions_drop(before date, only_of text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
DECLARE
    part record;
    dropped integer := 0;
BEGIN
    FOR part IN
        SELECT parents.relname AS parent, parts.oid::regclass AS name, parts.relname AS plain
        FROM pg_inherits
        JOIN pg_class AS parents ON parents.oid = inhparent
        JOIN pg_class AS parts ON parts.oid = inhrelid
        WHERE parents.oid = ANY (ARRAY['visit_slots', 'visit_days', 'visit_values',
            'visitor_sketches']::regclass[])
            AND (only_of IS NULL OR parents.relname = only_of)
    LOOP
        CONTINUE WHEN to_date(right(part.plain, 7), 'YYYY_MM') + interval '1 month' > before;
        EXECUTE format('DROP TABLE %s', part.name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

SELECT visit_partitions((now() AT TIME ZONE 'UTC')::date, 3);
