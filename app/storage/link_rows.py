"""Rows of `urls` as what the service is about."""

from __future__ import annotations

import msgspec

from app.model.links import PlainLink
from app.model.managed_links import ManagedLink, Rule, Terms
from app.storage.connections import Row
from app.targets import absolute

TERMS = """
    CASE WHEN octet_length(urls.original_url) <= 1048576 THEN urls.original_url END,
    urls.revision, urls.starts_at, urls.expires_at, urls.max_visits,
    urls.exhausted_at IS NOT NULL, urls.redirect_status, urls.forward_query, urls.rules::text,
    urls.disabled_at IS NOT NULL, urls.deleted_at IS NOT NULL
"""
"""What a visit depends on; no target where it is over a mebibyte: the Go service took any."""
_TERMS_WIDTH = 11
MANAGED = f"""
    {TERMS}, urls.id, urls.title,
    CASE WHEN urls.tag_ids IS NOT NULL THEN ARRAY(
        SELECT tags.name FROM unnest(urls.tag_ids) WITH ORDINALITY AS given (id, place)
        JOIN tags ON tags.id = given.id ORDER BY given.place
    ) END,
    urls.locked_because IS NOT NULL, urls.created_at, urls.changed_at,
    counts.visits, counts.visitors, counts.bots, counts.last_visit_at
"""  # noqa: S608  # no value, columns of ours
"""What an owner sees; `counts` is the row of `link_counts`, if there is one."""
_decode_rules = msgspec.json.Decoder(tuple[Rule, ...]).decode


def known_from(row: Row) -> PlainLink | Terms:
    """Return what a visit depends on; a link with nothing to decide is a plain one."""
    url, revision, *decided = row
    if decided == _NOTHING:
        return PlainLink(absolute(url), revision or 0)
    return terms_from(row)


_NOTHING = [None, None, None, False, None, None, None, False, False]


def terms_from(row: Row) -> Terms:
    """Return the columns TERMS, also of a plain link."""
    (
        url, revision, starts_at, expires_at, max_visits, exhausted, redirect_status,
        forward_query, rules, disabled, deleted,
    ) = row[:_TERMS_WIDTH]  # fmt: skip
    return Terms(
        target=absolute(url) if url else "",
        revision=revision or 0,
        starts_at=starts_at,
        expires_at=expires_at,
        max_visits=max_visits,
        exhausted=exhausted,
        redirect_status=redirect_status,
        forward_query=forward_query,
        rules=_decode_rules(rules) if rules else (),
        disabled=disabled,
        deleted=deleted,
    )


def managed_from(row: Row) -> ManagedLink:
    """Return the columns MANAGED."""
    code, title, tags, locked, created_at, changed_at, *counts = row[_TERMS_WIDTH:]
    visits, visitors, bots, last_visit_at = counts[:4]
    return ManagedLink(
        code=code,
        terms=terms_from(row),
        title=title,
        tags=tuple(tags or ()),
        locked=locked,
        created_at=created_at,
        changed_at=changed_at,
        visits=visits or 0,
        visitors=visitors or 0,
        bots=bots or 0,
        last_visit_at=last_visit_at,
    )
