-- The contracting step: `migrate --retire-go`, and at once where the Go service never wrote.
-- One target may have a link for each owner, and may be longer than a B-tree takes: every
-- constraint and B-tree over original_url goes, whatever its name is, and with them what served only
-- to share the database with the Go service. See app/storage/phase.py.
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
        JOIN pg_class AS classes ON classes.oid = indexes.indexrelid
        JOIN pg_am AS methods ON methods.oid = classes.relam AND methods.amname = 'btree'
        JOIN pg_attribute AS columns
            ON columns.attrelid = indexes.indrelid AND columns.attnum = ANY (indexes.indkey)
        WHERE indexes.indrelid = 'urls'::regclass AND columns.attname = 'original_url'
    LOOP
        EXECUTE format('DROP INDEX %s', found.name);
    END LOOP;
END
$$;

DROP INDEX IF EXISTS urls_digest_due_idx, urls_readmission_idx;

ALTER TABLE urls ALTER COLUMN digest_due DROP DEFAULT;

CREATE OR REPLACE FUNCTION shared_link(url varchar, digest bytea, owner uuid)
RETURNS TABLE (id varchar) LANGUAGE sql STABLE
AS $$ SELECT NULL::varchar WHERE false $$;
