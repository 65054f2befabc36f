"""The statements of an import's transaction: each takes many links at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from app.fields import tag_key
from app.model.transfers import AcceptedLink
from app.storage.statements import Statement

_TOLD = "id, format, name, size, received, links, unchanged, refused, created_at, changed_at"

LOCK = Statement(f"""
    SELECT {_TOLD} FROM imports
    WHERE id = %(id)s AND user_id = %(owner)s
        AND EXISTS (SELECT FROM users WHERE users.id = %(owner)s AND deleted_at IS NULL)
    FOR UPDATE OF imports
""")  # noqa: S608  # columns of ours
TAGS_ARE_NOTED = Statement("SELECT set_config('shortener.tags_noted', 'on', true)")
"""Until the end of the transaction: the trigger leaves the tags of new links to NOTE_TAGS."""
TAGS = Statement("""
    INSERT INTO tags (user_id, key, name)
    SELECT %(owner)s::uuid, given.key, given.name
    FROM unnest(%(keys)s::text[], %(names)s::text[]) AS given (key, name)
    ORDER BY given.key
    ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key
    RETURNING id, key
""")
INSERT = Statement("""
    INSERT INTO urls (id, original_url, user_id, target_digest, digest_due, created_at, revision,
        changed_at, title, tag_ids, starts_at, expires_at, max_visits, used_visits, exhausted_at,
        redirect_status, forward_query, rules, disabled_at, deleted_at)
    SELECT given.code, given.url, %(owner)s::uuid, given.digest, false,
        timezone('utc', given.created_at),
        CASE WHEN given.changed_at IS NOT NULL THEN 0 END, given.changed_at, given.title,
        given.tags::bigint[], given.starts_at, given.expires_at, given.max_visits,
        given.used_visits, given.exhausted_at, given.redirect_status, given.forward_query,
        given.rules::jsonb, given.disabled_at, given.deleted_at
    FROM unnest(
        %(codes)s::varchar[], %(urls)s::varchar[], %(digests)s::bytea[],
        %(created)s::timestamptz[], %(changed)s::timestamptz[], %(titles)s::text[],
        %(tags)s::text[], %(starts)s::timestamptz[], %(expires)s::timestamptz[],
        %(max_visits)s::bigint[], %(used_visits)s::bigint[], %(exhausted)s::timestamptz[],
        %(statuses)s::smallint[], %(forwards)s::boolean[], %(rules)s::text[],
        %(disabled)s::timestamptz[], %(deleted)s::timestamptz[]
    ) AS given (code, url, digest, created_at, changed_at, title, tags, starts_at, expires_at,
        max_visits, used_visits, exhausted_at, redirect_status, forward_query, rules,
        disabled_at, deleted_at)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
KNOWN = Statement("""
    SELECT id, user_id = %(owner)s::uuid AND (
        %(key)s::text IS NULL OR deleted_at IS NULL AND tag_ids && ARRAY(
            SELECT tags.id FROM tags WHERE user_id = %(owner)s::uuid AND key = %(key)s::text
        )
    ), CASE WHEN octet_length(original_url) <= 65536 THEN original_url END
    FROM urls WHERE id = ANY (%(codes)s::varchar[])
""")
# No visit of these can have been counted: nobody else sees the links yet.
COUNT = Statement("""
    INSERT INTO link_counts (code, user_id, visits, visitors, bots, last_visit_at)
    SELECT given.code, %(owner)s::uuid, given.visits, given.visitors, given.bots, given.last
    FROM unnest(
        %(codes)s::varchar[], %(visits)s::bigint[], %(visitors)s::bigint[], %(bots)s::bigint[],
        %(last)s::timestamptz[]
    ) AS given (code, visits, visitors, bots, last)
    ON CONFLICT (code) DO NOTHING
    RETURNING 1
""")
NOTE_TAGS = Statement("""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(%(numbers)s::bigint[], %(codes)s::varchar[]) AS pair (number, code)
    ), noted AS (
        INSERT INTO link_tags (tag_id, code) SELECT number, code FROM given
        ON CONFLICT DO NOTHING
    )
    UPDATE tags SET links = tags.links + added.links
    FROM (SELECT number, count(*) AS links FROM given GROUP BY number) AS added
    WHERE tags.id = added.number
    RETURNING tags.id
""")
REFUSE = Statement("""
    INSERT INTO import_refusals (import_id, line, code, reason)
    SELECT %(id)s::uuid, given.*
    FROM unnest(%(lines)s::bigint[], %(codes)s::text[], %(reasons)s::text[]) AS given
    ON CONFLICT DO NOTHING
    RETURNING line
""")
MOVE_ON = Statement(f"""
    UPDATE imports SET received = %(received)s, format = %(format)s, rest = %(rest)s,
        reading = %(reading)s, links = links + %(links)s, unchanged = unchanged + %(unchanged)s,
        refused = refused + %(refused)s, changed_at = now()
    WHERE id = %(id)s
    RETURNING {_TOLD}
""")  # noqa: S608  # columns of ours


def columns(
    links: Sequence[AcceptedLink], numbers: Mapping[str, int], *, findable: bool
) -> dict[str, object]:
    """Return the parameters of INSERT but for the owner; `numbers` are those of tags by key."""
    fields = [link.fields for link in links]
    return {
        "codes": [link.code for link in links],
        "urls": [each.target for each in fields],
        "digests": [link.digest if findable else None for link in links],
        "created": [link.created_at for link in links],
        "changed": [link.changed_at for link in links],
        "titles": [each.title for each in fields],
        "tags": [_array(each.tags, numbers) for each in fields],
        "starts": [each.starts_at for each in fields],
        "expires": [each.expires_at for each in fields],
        "max_visits": [each.max_visits for each in fields],
        "used_visits": [link.used_visits for link in links],
        "exhausted": [link.exhausted_at for link in links],
        "statuses": [each.redirect_status for each in fields],
        "forwards": [each.forward_query for each in fields],
        "rules": [_json(each.rules) if each.rules else None for each in fields],
        "disabled": [link.disabled_at for link in links],
        "deleted": [link.deleted_at for link in links],
    }


def _array(tags: Sequence[str], numbers: Mapping[str, int]) -> str | None:
    """Return numbers of tags as PostgreSQL writes an array: arrays of arrays have one length."""
    if not tags:
        return None
    return "{" + ",".join(str(numbers[tag_key(name)]) for name in tags) + "}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
