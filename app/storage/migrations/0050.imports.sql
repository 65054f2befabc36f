-- depends: 0020.managed-links
-- Uploads of links that can be gone on with. Nothing of this is read or written by the Go service.
SET lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS imports (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    asked text NOT NULL,
    format text NOT NULL,
    name text,
    digest bytea,
    tag text,
    size bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    rest bytea NOT NULL DEFAULT '',
    reading bytea NOT NULL DEFAULT '',
    links bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN imports.rest IS 'Bytes of the file that are no whole record yet';
COMMENT ON COLUMN imports.reading IS 'How far the file has been read (app/transfer/reading.py)';

CREATE INDEX IF NOT EXISTS imports_owner_idx ON imports (user_id, created_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS imports_changed_idx ON imports (changed_at);

CREATE TABLE IF NOT EXISTS import_refusals (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    line bigint NOT NULL,
    code text,
    reason text NOT NULL,
    PRIMARY KEY (import_id, line)
);

-- Who inserts many links at once says so for its transaction, and adds up their tags itself: one
-- change of a tag's row instead of one for each link.
CREATE OR REPLACE FUNCTION urls_note_tags() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    before bigint[] := '{}';
    after bigint[] := '{}';
BEGIN
    IF TG_OP = 'INSERT' AND current_setting('shortener.tags_noted', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL THEN
        before := coalesce(OLD.tag_ids, '{}');
    END IF;
    IF NEW.deleted_at IS NULL THEN
        after := coalesce(NEW.tag_ids, '{}');
    END IF;
    PERFORM FROM tags WHERE id = ANY (before || after) ORDER BY id FOR UPDATE;
    UPDATE tags SET links = links - 1 WHERE id = ANY (before) AND NOT id = ANY (after);
    UPDATE tags SET links = links + 1 WHERE id = ANY (after) AND NOT id = ANY (before);
    DELETE FROM link_tags WHERE code = NEW.id AND tag_id = ANY (before) AND NOT tag_id = ANY (after);
    INSERT INTO link_tags (tag_id, code)
    SELECT tag_id, NEW.id FROM unnest(after) AS tag_id WHERE NOT tag_id = ANY (before)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
