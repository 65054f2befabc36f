-- transactional: false
-- depends: 0004.international-hosts
-- Indexes are built without blocking writes. A build that was interrupted leaves an invalid index
-- behind, which is removed first.
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

-- Targets that differ only in the case of scheme or host were two links; both stay, and the older
-- one is the one that is found again.
UPDATE urls SET target_digest = NULL
FROM (
    SELECT id, row_number() OVER (
        PARTITION BY user_id, target_digest ORDER BY created_at NULLS FIRST, id
    ) AS place
    FROM urls
    WHERE target_digest IS NOT NULL
) AS ranked
WHERE ranked.id = urls.id AND ranked.place > 1;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_target_key
ON urls (user_id, target_digest) WHERE user_id IS NOT NULL;

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS urls_anonymous_target_key
ON urls (target_digest) WHERE user_id IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS urls_owner_newest_idx
ON urls (user_id, created_at DESC NULLS LAST, id DESC) WHERE user_id IS NOT NULL;
