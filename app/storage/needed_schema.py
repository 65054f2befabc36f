"""What the code needs to find in the database.

A fact is one line, such as `column id uuid not null default` of the table `users`. A migration
that adds or changes something adds its facts to NEEDED; a test holds NEEDED against a database
that was migrated from nothing and prints the lines that differ.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.storage.needed_access import ACCESS
from app.storage.needed_managed import MANAGED
from app.storage.needed_transfers import TRANSFERS
from app.storage.needed_visits import VISITS

FUNCTIONS = "functions"

CORE: Mapping[str, frozenset[str]] = {
    "urls": frozenset(
        {
            "column id character varying not null",
            "column original_url character varying not null",
            "column created_at timestamp without time zone default",
            "column user_id uuid",
            "column target_digest bytea",
            "column digest_due boolean",
            "constraint FOREIGN KEY (user_id) REFERENCES users(id)",
            "index unique btree (id)",
            "index unique btree (user_id, target_digest) WHERE (user_id IS NOT NULL)",
            "index unique btree (target_digest) WHERE (user_id IS NULL)",
            (
                "index btree (user_id, created_at DESC NULLS LAST, id DESC)"
                " WHERE (user_id IS NOT NULL)"
            ),
        }
    ),
    "users": frozenset(
        {
            "column id uuid not null default",
            "column username text",
            "column email text not null",
            "column password_hash text not null",
            "column email_verified boolean not null default",
            "column created_at timestamp with time zone not null default",
            "column updated_at timestamp with time zone not null default",
            "column deleted_at timestamp with time zone",
            "column email_ambiguous boolean not null default",
            "index unique btree (id)",
            "index unique btree (username)",
            "index unique btree (email)",
            "index unique btree (lower(email)) WHERE (NOT email_ambiguous)",
            "index btree (lower(email))",
        }
    ),
    FUNCTIONS: frozenset(
        {
            "function link_target_digest(text) returns bytea",
            ("function shared_link(character varying,bytea,uuid) returns character varying"),
        }
    ),
}
_PARTS = (CORE, MANAGED, VISITS, ACCESS, TRANSFERS)
NEEDED: Mapping[str, frozenset[str]] = {
    table: frozenset().union(*(part.get(table, frozenset()) for part in _PARTS))
    for table in dict.fromkeys(table for part in _PARTS for table in part)
}
"""By table; more in the database (the Go service's, a newer release's) harms nobody."""
