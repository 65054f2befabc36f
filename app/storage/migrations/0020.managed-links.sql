-- Links one can manage. A plain link has null in every column that is new here, and the Go service
-- neither reads nor writes any of them.
SET lock_timeout = '5s';

CREATE SEQUENCE IF NOT EXISTS link_revisions;

ALTER TABLE urls
    ADD COLUMN IF NOT EXISTS revision bigint,
    ADD COLUMN IF NOT EXISTS changed_at timestamptz,
    ADD COLUMN IF NOT EXISTS title text,
    ADD COLUMN IF NOT EXISTS tag_ids bigint[],
    ADD COLUMN IF NOT EXISTS starts_at timestamptz,
    ADD COLUMN IF NOT EXISTS expires_at timestamptz,
    ADD COLUMN IF NOT EXISTS max_visits bigint,
    ADD COLUMN IF NOT EXISTS used_visits bigint,
    ADD COLUMN IF NOT EXISTS exhausted_at timestamptz,
    ADD COLUMN IF NOT EXISTS redirect_status smallint,
    ADD COLUMN IF NOT EXISTS forward_query boolean,
    ADD COLUMN IF NOT EXISTS rules jsonb,
    ADD COLUMN IF NOT EXISTS disabled_at timestamptz,
    ADD COLUMN IF NOT EXISTS locked_because text,
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz;

COMMENT ON COLUMN urls.revision IS 'Number of the last change; null: as it was made, and plain';
COMMENT ON COLUMN urls.locked_because IS 'Why shortener-admin disabled it: only that enables it';

-- What is written with every visit stays apart from the wide row and its indexes. No foreign key:
-- codes are never given out twice, and rows of urls are not deleted.
CREATE TABLE IF NOT EXISTS link_counts (
    code varchar PRIMARY KEY,
    user_id uuid,
    visits bigint NOT NULL DEFAULT 0,
    visitors bigint NOT NULL DEFAULT 0,
    bots bigint NOT NULL DEFAULT 0,
    last_visit_at timestamptz
);

CREATE INDEX IF NOT EXISTS link_counts_visits_idx
ON link_counts (user_id, visits, code) WHERE user_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS link_counts_last_visit_idx
ON link_counts (user_id, last_visit_at, code)
WHERE user_id IS NOT NULL AND last_visit_at IS NOT NULL;

-- Tags have a number, so that a rename is one row.
CREATE TABLE IF NOT EXISTS tags (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    links bigint NOT NULL DEFAULT 0,
    UNIQUE (user_id, key)
);

COMMENT ON COLUMN tags.key IS 'The name without regard to case';

CREATE TABLE IF NOT EXISTS link_tags (
    tag_id bigint NOT NULL,
    code varchar NOT NULL,
    PRIMARY KEY (tag_id, code)
);

-- What workers have to know of before a cache may answer again; see decision 0012.
CREATE TABLE IF NOT EXISTS link_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    code varchar NOT NULL,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS link_changes_xid_idx ON link_changes (xid);

CREATE TABLE IF NOT EXISTS link_feed (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    generation bigint NOT NULL DEFAULT 0,
    forgotten_before xid8 NOT NULL DEFAULT '0',
    blocked_revision bigint NOT NULL DEFAULT 0
);

INSERT INTO link_feed DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS blocked_hosts (
    host text PRIMARY KEY,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What was made lately, by whom and where to, for shortener-admin; kept for two hours.
CREATE TABLE IF NOT EXISTS link_creations (
    minute timestamptz NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    links bigint NOT NULL,
    PRIMARY KEY (minute, kind, value)
);

-- What Idempotency-Keys of the last day were answered.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    caller text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    status smallint,
    answer bytea,
    UNIQUE (caller, key)
);

CREATE INDEX IF NOT EXISTS idempotency_keys_created_idx ON idempotency_keys (created_at);

-- Which links a request has made so far, so that one that died is gone on with.
CREATE TABLE IF NOT EXISTS idempotent_links (
    request bigint NOT NULL,
    place integer NOT NULL,
    code varchar NOT NULL,
    PRIMARY KEY (request, place)
);

CREATE OR REPLACE FUNCTION urls_note_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO link_changes (code, revision) VALUES (OLD.id, nextval('link_revisions'));
        RETURN OLD;
    END IF;
    NEW.revision := nextval('link_revisions');
    NEW.changed_at := clock_timestamp();
    INSERT INTO link_changes (code, revision) VALUES (NEW.id, NEW.revision);
    IF NEW.id <> OLD.id THEN
        INSERT INTO link_changes (code, revision) VALUES (OLD.id, NEW.revision);
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER IF EXISTS urls_note_change ON urls;

CREATE TRIGGER urls_note_change
BEFORE UPDATE OF id, original_url, title, tag_ids, starts_at, expires_at, max_visits, exhausted_at,
    redirect_status, forward_query, rules, disabled_at, locked_because, deleted_at
ON urls FOR EACH ROW
WHEN (
    (OLD.id, OLD.original_url, OLD.title, OLD.tag_ids, OLD.starts_at, OLD.expires_at,
     OLD.max_visits, OLD.exhausted_at, OLD.redirect_status, OLD.forward_query, OLD.rules,
     OLD.disabled_at, OLD.locked_because, OLD.deleted_at)
    IS DISTINCT FROM
    (NEW.id, NEW.original_url, NEW.title, NEW.tag_ids, NEW.starts_at, NEW.expires_at,
     NEW.max_visits, NEW.exhausted_at, NEW.redirect_status, NEW.forward_query, NEW.rules,
     NEW.disabled_at, NEW.locked_because, NEW.deleted_at)
)
EXECUTE FUNCTION urls_note_change();

DROP TRIGGER IF EXISTS urls_note_deletion ON urls;

CREATE TRIGGER urls_note_deletion AFTER DELETE ON urls
FOR EACH ROW EXECUTE FUNCTION urls_note_change();

-- Which links have a tag, and how many, follows what the links say. Tags are locked by number.
CREATE OR REPLACE FUNCTION urls_note_tags() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    before bigint[] := '{}';
    after bigint[] := '{}';
BEGIN
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

DROP TRIGGER IF EXISTS urls_note_tags_of_new ON urls;

CREATE TRIGGER urls_note_tags_of_new AFTER INSERT ON urls
FOR EACH ROW WHEN (NEW.tag_ids IS NOT NULL) EXECUTE FUNCTION urls_note_tags();

DROP TRIGGER IF EXISTS urls_note_tags ON urls;

CREATE TRIGGER urls_note_tags AFTER UPDATE OF tag_ids, deleted_at ON urls
FOR EACH ROW
WHEN (
    (NEW.tag_ids IS NOT NULL OR OLD.tag_ids IS NOT NULL)
    AND (OLD.tag_ids, OLD.deleted_at) IS DISTINCT FROM (NEW.tag_ids, NEW.deleted_at)
)
EXECUTE FUNCTION urls_note_tags();

CREATE OR REPLACE FUNCTION blocked_hosts_note_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE link_feed SET blocked_revision = blocked_revision + 1;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS blocked_hosts_note_change ON blocked_hosts;

CREATE TRIGGER blocked_hosts_note_change AFTER INSERT OR UPDATE OR DELETE ON blocked_hosts
FOR EACH STATEMENT EXECUTE FUNCTION blocked_hosts_note_change();
