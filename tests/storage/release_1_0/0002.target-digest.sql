-- Targets are compared by digest: a B-tree over long URLs fails at 2,704 bytes. The digest is that
-- of app/targets.py for every host of ASCII; 0004 corrects the others.
SET lock_timeout = '5s';

ALTER TABLE urls ADD COLUMN IF NOT EXISTS target_digest bytea;

CREATE OR REPLACE FUNCTION link_target_digest(url text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT sha256(convert_to(
        lower(substring(absolute.url FROM '^[^:]+://[^/?#]*'))
            || substring(absolute.url FROM '^[^:]+://[^/?#]*(.*)$'),
        'UTF8'))
    FROM (SELECT CASE WHEN $1 ~* '^https?://' THEN $1 ELSE 'https://' || $1 END AS url) AS absolute
$$;

-- While the Go service still writes, before the cut-over or after a way back, its rows get one too.
CREATE OR REPLACE FUNCTION urls_set_target_digest() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.target_digest := link_target_digest(NEW.original_url);
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS urls_set_target_digest ON urls;

CREATE TRIGGER urls_set_target_digest BEFORE INSERT ON urls
FOR EACH ROW WHEN (NEW.target_digest IS NULL) EXECUTE FUNCTION urls_set_target_digest();
