"""What the code needs to find in the database for exports and imports: see needed_schema.py."""

from __future__ import annotations

from collections.abc import Mapping

TRANSFERS: Mapping[str, frozenset[str]] = {
    "import_refusals": frozenset(
        {
            "column code text",
            "column import_id uuid not null",
            "column line bigint not null",
            "column reason text not null",
            "constraint FOREIGN KEY (import_id) REFERENCES imports(id) ON DELETE CASCADE",
            "index unique btree (import_id, line)",
        }
    ),
    "imports": frozenset(
        {
            "column asked text not null",
            "column changed_at timestamp with time zone not null default",
            "column created_at timestamp with time zone not null default",
            "column digest bytea",
            "column format text not null",
            "column id uuid not null",
            "column links bigint not null default",
            "column name text",
            "column reading bytea not null default",
            "column received bigint not null default",
            "column refused bigint not null default",
            "column rest bytea not null default",
            "column size bigint not null",
            "column tag text",
            "column unchanged bigint not null default",
            "column user_id uuid not null",
            "index btree (changed_at)",
            "index btree (user_id, created_at DESC, id DESC)",
            "index unique btree (id)",
        }
    ),
}
