"""What the code needs to find in the database for keys and tokens: see needed_schema.py."""

from __future__ import annotations

from collections.abc import Mapping

ACCESS: Mapping[str, frozenset[str]] = {
    "account_deletions": frozenset(
        {
            "column disable_links boolean not null",
            "column requested_at timestamp with time zone not null default",
            "column user_id uuid not null",
            "index unique btree (user_id)",
        }
    ),
    "api_keys": frozenset(
        {
            "column created_at timestamp with time zone not null default",
            "column digest bytea not null",
            "column expires_at timestamp with time zone",
            "column id uuid not null default",
            "column last_used_at timestamp with time zone",
            "column name text not null",
            "column place smallint not null",
            "column prefix text not null",
            "column scopes text[] not null",
            "column tag text",
            "column user_id uuid not null",
            "index unique btree (digest)",
            "index unique btree (id)",
            "index unique btree (user_id, place)",
        }
    ),
    "users": frozenset(
        {
            "column token_generation bigint not null default",
            "column tokens_ended_at timestamp with time zone",
        }
    ),
}
