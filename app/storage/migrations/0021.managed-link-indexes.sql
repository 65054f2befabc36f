-- transactional: false
-- depends: 0020.managed-links
-- Built without blocking writes; a build that was interrupted leaves an invalid index behind, which
-- is removed first.
DO $$
DECLARE
    broken regclass;
BEGIN
    FOR broken IN
        SELECT indexrelid::regclass FROM pg_index
        WHERE indrelid = 'urls'::regclass AND NOT indisvalid
    LOOP
        EXECUTE format('DROP INDEX %s', broken);
    END LOOP;
END
$$;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_code_idx
ON urls (user_id, id) WHERE user_id IS NOT NULL;

-- The links that are in a state other than active, each state by itself.
CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_starts_idx
ON urls (user_id, starts_at) WHERE starts_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_expires_idx
ON urls (user_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_exhausted_idx
ON urls (user_id) WHERE exhausted_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_disabled_idx
ON urls (user_id) WHERE disabled_at IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_deleted_idx
ON urls (user_id) WHERE deleted_at IS NOT NULL;
