"""What the code needs to find in the database for links one can manage: see needed_schema.py."""

from __future__ import annotations

from collections.abc import Mapping

MANAGED: Mapping[str, frozenset[str]] = {
    "blocked_hosts": frozenset(
        {
            "column created_at timestamp with time zone not null default",
            "column host text not null",
            "column reason text not null",
            "index unique btree (host)",
            (
                "trigger blocked_hosts_note_change AFTER INSERT OR DELETE OR UPDATE ON"
                " blocked_hosts FOR EACH STATEMENT EXECUTE FUNCTION blocked_hosts_note_change()"
            ),
        }
    ),
    "functions": frozenset(
        {
            "function blocked_hosts_note_change() returns trigger",
            "function link_search_text(character varying,text,character varying) returns text",
            "function urls_note_change() returns trigger",
            "function urls_note_tags() returns trigger",
        }
    ),
    "idempotency_keys": frozenset(
        {
            "column answer bytea",
            "column caller text not null",
            "column claimed_at timestamp with time zone not null default",
            "column created_at timestamp with time zone not null default",
            "column fingerprint bytea not null",
            "column id bigint not null default",
            "column key text not null",
            "column status smallint",
            "index btree (created_at)",
            "index unique btree (caller, key)",
            "index unique btree (id)",
        }
    ),
    "idempotent_links": frozenset(
        {
            "column code character varying not null",
            "column place integer not null",
            "column request bigint not null",
            "index unique btree (request, place)",
        }
    ),
    "link_changes": frozenset(
        {
            "column changed_at timestamp with time zone not null default",
            "column code character varying not null",
            "column revision bigint not null",
            "column xid xid8 not null default",
            "index btree (xid)",
        }
    ),
    "link_counts": frozenset(
        {
            "column bots bigint not null default",
            "column code character varying not null",
            "column last_visit_at timestamp with time zone",
            "column user_id uuid",
            "column visitors bigint not null default",
            "column visits bigint not null default",
            (
                "index btree (user_id, last_visit_at, code) WHERE ((user_id IS NOT NULL) AND"
                " (last_visit_at IS NOT NULL))"
            ),
            "index btree (user_id, visits, code) WHERE (user_id IS NOT NULL)",
            "index unique btree (code)",
        }
    ),
    "link_creations": frozenset(
        {
            "column kind text not null",
            "column links bigint not null",
            "column minute timestamp with time zone not null",
            "column value text not null",
            "index unique btree (minute, kind, value)",
        }
    ),
    "link_feed": frozenset(
        {
            "column blocked_revision bigint not null default",
            "column forgotten_before xid8 not null default",
            "column generation bigint not null default",
            "column id boolean not null default",
            "constraint CHECK (id)",
            "index unique btree (id)",
        }
    ),
    "link_tags": frozenset(
        {
            "column code character varying not null",
            "column tag_id bigint not null",
            "index unique btree (tag_id, code)",
        }
    ),
    "tags": frozenset(
        {
            "column id bigint not null default",
            "column key text not null",
            "column links bigint not null default",
            "column name text not null",
            "column user_id uuid not null",
            "index unique btree (id)",
            "index unique btree (user_id, key)",
        }
    ),
    "urls": frozenset(
        {
            "column changed_at timestamp with time zone",
            "column deleted_at timestamp with time zone",
            "column disabled_at timestamp with time zone",
            "column exhausted_at timestamp with time zone",
            "column expires_at timestamp with time zone",
            "column forward_query boolean",
            "column locked_because text",
            "column max_visits bigint",
            "column owner_disabled_at timestamp with time zone",
            "column redirect_status smallint",
            "column revision bigint",
            "column rules jsonb",
            "column starts_at timestamp with time zone",
            "column tag_ids bigint[]",
            "column title text",
            "column used_visits bigint",
            "index btree (user_id) WHERE (deleted_at IS NOT NULL)",
            "index btree (user_id) WHERE (disabled_at IS NOT NULL)",
            "index btree (user_id) WHERE (exhausted_at IS NOT NULL)",
            "index btree (user_id, expires_at) WHERE (expires_at IS NOT NULL)",
            "index btree (user_id, id) WHERE (user_id IS NOT NULL)",
            "index btree (user_id, starts_at) WHERE (starts_at IS NOT NULL)",
            (
                "trigger urls_note_change BEFORE UPDATE OF id, original_url, title, tag_ids,"
                " starts_at, expires_at, max_visits, exhausted_at, redirect_status, forward_query,"
                " rules, disabled_at, locked_because, deleted_at ON urls FOR EACH ROW WHEN"
                " (old.id::text IS DISTINCT FROM new.id::text OR old.original_url::text IS"
                " DISTINCT FROM new.original_url::text OR old.title IS DISTINCT FROM new.title OR"
                " old.tag_ids IS DISTINCT FROM new.tag_ids OR old.starts_at IS DISTINCT FROM"
                " new.starts_at OR old.expires_at IS DISTINCT FROM new.expires_at OR"
                " old.max_visits IS DISTINCT FROM new.max_visits OR old.exhausted_at IS DISTINCT"
                " FROM new.exhausted_at OR old.redirect_status IS DISTINCT FROM"
                " new.redirect_status OR old.forward_query IS DISTINCT FROM new.forward_query OR"
                " old.rules IS DISTINCT FROM new.rules OR old.disabled_at IS DISTINCT FROM"
                " new.disabled_at OR old.locked_because IS DISTINCT FROM new.locked_because OR"
                " old.deleted_at IS DISTINCT FROM new.deleted_at) EXECUTE FUNCTION"
                " urls_note_change()"
            ),
            (
                "trigger urls_note_deletion AFTER DELETE ON urls FOR EACH ROW EXECUTE FUNCTION"
                " urls_note_change()"
            ),
            (
                "trigger urls_note_tags AFTER UPDATE OF tag_ids, deleted_at ON urls FOR EACH ROW"
                " WHEN ((new.tag_ids IS NOT NULL OR old.tag_ids IS NOT NULL) AND (old.tag_ids IS"
                " DISTINCT FROM new.tag_ids OR old.deleted_at IS DISTINCT FROM new.deleted_at))"
                " EXECUTE FUNCTION urls_note_tags()"
            ),
            (
                "trigger urls_note_tags_of_new AFTER INSERT ON urls FOR EACH ROW WHEN (new.tag_ids"
                " IS NOT NULL) EXECUTE FUNCTION urls_note_tags()"
            ),
        }
    ),
}
