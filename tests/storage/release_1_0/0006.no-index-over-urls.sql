-- One target may have a link for each owner, and may be longer than a B-tree takes: every
-- constraint and index over original_url goes, whatever its name is.
SET lock_timeout = '5s';

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT constraints.conname AS name
        FROM pg_constraint AS constraints
        JOIN pg_attribute AS columns
            ON columns.attrelid = constraints.conrelid AND columns.attnum = ANY (constraints.conkey)
        WHERE constraints.conrelid = 'urls'::regclass
            AND constraints.contype IN ('u', 'p')
            AND columns.attname = 'original_url'
    LOOP
        EXECUTE format('ALTER TABLE urls DROP CONSTRAINT %I', found.name);
    END LOOP;
    FOR found IN
        SELECT indexes.indexrelid::regclass::text AS name
        FROM pg_index AS indexes
        JOIN pg_attribute AS columns
            ON columns.attrelid = indexes.indrelid AND columns.attnum = ANY (indexes.indkey)
        WHERE indexes.indrelid = 'urls'::regclass AND columns.attname = 'original_url'
    LOOP
        EXECUTE format('DROP INDEX %s', found.name);
    END LOOP;
END
$$;
