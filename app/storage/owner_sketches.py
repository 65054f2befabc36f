"""Make the sketches of an owner's days anew, after one of their links began anew.

Nothing can be taken out of a sketch: it is merged again from those of the owner's other links.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from datasketches import cpc_sketch, cpc_union

LG_K = 12
"""Accuracy of a sketch: a standard error of 0.69 / sqrt(2 ** 12), which is 1.1 % (CPC, merged)."""
MOST_DAYS = 31
_LINKS_A_PAGE = 500
"""With as many days, and 2.5 KB a sketch at most, a page is less than 40 MB."""

MARK = b""
"""Hashes of an owner's id: none, which says that the sketch of the day is to be made anew."""
_MARKED = b"""
    DELETE FROM visitor_hashes WHERE hashes = '' AND (code, day) IN (
        SELECT DISTINCT code, day FROM visitor_hashes
        WHERE hashes = '' AND code = (
            SELECT code FROM visitor_hashes WHERE hashes = '' ORDER BY code LIMIT 1
        )
        ORDER BY day
        LIMIT $1
    )
    RETURNING code, day
"""
# A link that nobody has visited since has no sketch of the day, and is not looked at.
_PAGE = b"""
    SELECT links.last_visit_at, links.code, kept.day, kept.sketch
    FROM (
        SELECT last_visit_at, code FROM link_counts
        WHERE user_id = $1::uuid AND last_visit_at >= $2::timestamptz
            AND (last_visit_at, code) > ($2::timestamptz, $3::text)
        ORDER BY last_visit_at, code
        LIMIT $4
    ) AS links
    LEFT JOIN visitor_sketches AS kept ON kept.scope = links.code AND kept.day = ANY ($5::date[])
    ORDER BY links.last_visit_at, links.code
"""


def rebuild(connection: psycopg.Connection[Any]) -> int:
    """Make some days of one owner anew, in the caller's transaction; return how many."""
    marked = connection.execute(_MARKED, (MOST_DAYS,)).fetchall()
    if not marked:
        return 0
    owner, days = marked[0][0], sorted({day for _, day in marked})
    unions: dict[date, Any] = {}
    for day, sketch in _sketches_of_links(connection, owner, days):
        unions.setdefault(day, cpc_union(LG_K)).update(cpc_sketch.deserialize(sketch))
    made = [(day, unions[day].get_result()) for day in unions]
    connection.execute(
        "UPDATE visitor_sketches AS kept SET visitors = made.visitors, sketch = made.sketch"
        " FROM unnest($2::date[], $3::bigint[], $4::bytea[]) AS made (day, visitors, sketch)"
        " WHERE kept.scope = $1 AND kept.day = made.day",
        (
            owner,
            [day for day, _ in made],
            [round(sketch.get_estimate()) for _, sketch in made],
            [sketch.serialize() for _, sketch in made],
        ),
    )
    connection.execute(
        "DELETE FROM visitor_sketches WHERE scope = $1 AND day = ANY ($2)",
        (owner, [day for day in days if day not in unions]),
    )
    return len(days)


def _sketches_of_links(
    connection: psycopg.Connection[Any], owner: str, days: list[date]
) -> Iterator[tuple[date, bytes]]:
    last, code = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC), ""
    while rows := connection.execute(_PAGE, (owner, last, code, _LINKS_A_PAGE, days)).fetchall():
        for _, _, day, sketch in rows:
            if day is not None:
                yield day, bytes(sketch)
        last, code = rows[-1][:2]
