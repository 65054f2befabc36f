"""What a search looks at, and the index of trigrams over it, where the server can have it."""

from __future__ import annotations

import psycopg

from app.storage import indexes

# Of a long target its first 2,048 characters: beyond, nobody remembers what to look for.
_TEXT = """
    CREATE OR REPLACE FUNCTION link_search_text(code varchar, title text, url varchar) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT lower(code || ' ' || coalesce(title, '') || ' ' || left(url, 2048)) $$
"""
EXTENSIONS = ("pg_trgm", "btree_gin")
"""What the index needs: trigrams, and beside them the owner, or a word that everybody else's links
hold would have to be looked up in all of theirs."""
# An index of this kind is read by bitmap alone, which the service's connections have switched off
# (decision 0005), and which is right here: the other way would read all links of the owner. As text
# the owner can be found in this index only: for a plan made for any owner, the usual one has so few
# links that reading them all looks cheaper.
_FOUND = """
    CREATE OR REPLACE FUNCTION links_with_text(owner uuid, pattern text, most integer)
    RETURNS SETOF varchar LANGUAGE sql STABLE
    SET enable_bitmapscan = on SET enable_indexscan = off SET enable_seqscan = off
    AS $$
        SELECT id FROM urls
        WHERE link_search_text(id, title, original_url) LIKE pattern
            AND user_id::text = owner::text AND user_id IS NOT NULL
        LIMIT most
    $$
"""


def add_text(connection: psycopg.Connection) -> None:
    """Add the function that gives a link's text."""
    connection.execute(_TEXT)


def add_trigrams(connection: psycopg.Connection) -> None:
    """Build the index, and then what uses it; on a connection in autocommit mode."""
    indexes.build(
        connection,
        "urls_owner_search_idx",
        "urls USING gin"
        " ((user_id::text), link_search_text(id, title, original_url) gin_trgm_ops)"
        " WHERE user_id IS NOT NULL",
    )
    connection.execute(_FOUND)
