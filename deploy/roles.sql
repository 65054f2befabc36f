-- The database's roles: one that owns everything and never logs in, and two that log in, in turns.
-- Whoever of the two logs in acts as the owner, so what one of them makes the other can change.
-- Run it with psql as the administrator who owns the tables now (docs/operations.md); it may run
-- again, and has to after a restore. The administrator, as whom the Go service logs in, can do all
-- that it could before.
SET lock_timeout = '2s';

BEGIN;

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['shortener_owner', 'shortener_a', 'shortener_b'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;

GRANT shortener_owner TO shortener_a, shortener_b, CURRENT_USER;

ALTER ROLE shortener_a SET role TO shortener_owner;

ALTER ROLE shortener_b SET role TO shortener_owner;

GRANT USAGE, CREATE ON SCHEMA public TO shortener_owner;

DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT format('TABLE %s', oid::regclass) AS object FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner = current_user::regrole
            AND relkind IN ('r', 'p', 'v', 'm', 'S')
            -- A sequence of a column goes with its table; what an extension made stays.
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                    AND (deptype = 'e' OR relkind = 'S' AND deptype IN ('a', 'i'))
            )
        UNION ALL
        SELECT format('ROUTINE %s', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
            )
    LOOP
        EXECUTE format('ALTER %s OWNER TO shortener_owner', found.object);
    END LOOP;
END
$$;

COMMIT;
