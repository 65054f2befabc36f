-- depends: 0020.managed-links
-- What a link's owner disabled stays disabled when shortener-admin ends its lock. Null but under a
-- lock: nobody else reads it, workers of an older release neither read nor write it.
SET lock_timeout = '5s';

ALTER TABLE urls ADD COLUMN IF NOT EXISTS owner_disabled_at timestamptz;

COMMENT ON COLUMN urls.owner_disabled_at IS 'Under a lock: since when its owner has it disabled';
