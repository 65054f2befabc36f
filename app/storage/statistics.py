"""Read what was counted: one round trip, however many visits there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.model.visits import Tally
from app.storage.database import Database
from app.storage.managed_links import WITHIN
from app.storage.statements import Statement
from app.storage.visits import WRITERS_TURN

TOP = 20
"""Values of each breakdown; what comes behind them is added up as `other`."""

# An alias is kept in lower case and found in any; what is as typed goes before it.
_OWN = f"""
    id IN (%(code)s, %(lower)s) AND user_id = %(owner)s AND {WITHIN}
    ORDER BY id = %(code)s DESC LIMIT 1
"""
_LINK = f"SELECT id::text AS scope FROM urls WHERE {_OWN}"  # noqa: S608  # parts of ours
_ACCOUNT = "SELECT id::text AS scope FROM users WHERE id = %(owner)s AND deleted_at IS NULL"
_TAG = """
    SELECT link_tags.code::text AS scope FROM tags JOIN link_tags ON link_tags.tag_id = tags.id
    WHERE tags.user_id = %(owner)s AND tags.key = %(tag)s
        AND (%(within)s::text IS NULL OR %(within)s::text = %(tag)s OR EXISTS (
            SELECT FROM tags AS limits JOIN link_tags AS limited ON limited.tag_id = limits.id
            WHERE limits.user_id = %(owner)s AND limits.key = %(within)s
                AND limited.code = link_tags.code
        ))
"""


def _read(scopes: str) -> Statement:
    return Statement(f"""
        WITH scopes AS MATERIALIZED ({scopes}), slots AS (
            SELECT width_bucket(slot, %(steps)s::timestamptz[]) AS step,
                sum(visits) AS visits, sum(bots) AS bots, sum(scans) AS scans
            FROM scopes JOIN visit_slots USING (scope)
            WHERE slot >= %(begin)s AND slot < %(end)s
            GROUP BY step
        ), folded AS (
            SELECT day, sum(visits) AS visits, sum(bots) AS bots, sum(scans) AS scans
            FROM scopes JOIN visit_days USING (scope)
            WHERE day BETWEEN %(first_day)s AND %(last_day)s
            GROUP BY day
        ), sketches AS (
            SELECT day, sum(visitors) AS visitors
            FROM scopes JOIN visitor_sketches USING (scope)
            WHERE day BETWEEN %(first_day)s AND %(last_day)s
            GROUP BY day
        ), ranked AS (
            SELECT dimension, value, sum(visits) AS visits, row_number() OVER (
                PARTITION BY dimension ORDER BY value = 'other', sum(visits) DESC, value
            ) AS place
            FROM scopes JOIN visit_values USING (scope)
            WHERE day BETWEEN %(first_day)s AND %(last_day)s
            GROUP BY dimension, value
        )
        SELECT 'scope', NULL::date, count(*)::int, NULL::text, 0::bigint, 0::bigint, 0::bigint
        FROM scopes
        UNION ALL SELECT 'slot', NULL, step, NULL, visits::bigint, bots::bigint, scans::bigint
        FROM slots
        UNION ALL SELECT 'folded', day, 0, NULL, visits::bigint, bots::bigint, scans::bigint
        FROM folded
        UNION ALL SELECT 'visitors', day, 0, NULL, visitors::bigint, 0, 0
        FROM sketches
        UNION ALL SELECT 'value', NULL, dimension,
            CASE WHEN place <= {TOP} THEN value ELSE 'other' END, sum(visits)::bigint, 0, 0
        FROM ranked
        GROUP BY 3, 4
    """)  # noqa: S608  # parts of ours alone


_READ_LINK, _READ_ACCOUNT, _READ_TAG = _read(_LINK), _read(_ACCOUNT), _read(_TAG)

# Takes the writers' turn: what is being written at this moment is written before or after, whole.
# Nothing can be taken from the owner's sketches: the upkeep makes them anew (owner_sketches.py).
# A limit that is set later still counts what a link without one has had (managed_links.py).
_FORGET = Statement(f"""
    WITH turn AS MATERIALIZED (
        SELECT pg_advisory_xact_lock({WRITERS_TURN})
    ), link AS MATERIALIZED (
        SELECT id::text AS code, user_id::text AS owner
        FROM urls, turn WHERE {_OWN}
    ), slots AS (
        DELETE FROM visit_slots USING link WHERE scope = code
        RETURNING owner, slot, visits, bots, scans
    ), days AS (
        DELETE FROM visit_days USING link WHERE scope = code
        RETURNING owner, day, visits, bots, scans
    ), kept_values AS (
        DELETE FROM visit_values USING link WHERE scope = code
        RETURNING owner, day, dimension, value, visits
    ), sketches AS (
        DELETE FROM visitor_sketches USING link WHERE scope = code
        RETURNING owner, day
    ), marks AS (
        INSERT INTO visitor_hashes (code, day, hashes) SELECT owner, day, '' FROM sketches
    ), hashes AS (
        DELETE FROM visitor_hashes USING link WHERE visitor_hashes.code = link.code
    ), used AS (
        UPDATE urls SET used_visits = coalesce(used_visits, 0) + had.visits
        FROM link JOIN link_counts AS had ON had.code = link.code
        WHERE urls.id = link.code AND urls.max_visits IS NULL AND had.visits > 0
    ), totals AS (
        UPDATE link_counts SET visits = 0, visitors = 0, bots = 0, last_visit_at = NULL
        FROM link WHERE link_counts.code = link.code
    ), less_slots AS (
        UPDATE visit_slots AS kept SET visits = kept.visits - slots.visits,
            bots = kept.bots - slots.bots, scans = kept.scans - slots.scans
        FROM slots WHERE (kept.scope, kept.slot) = (slots.owner, slots.slot)
    ), less_days AS (
        UPDATE visit_days AS kept SET visits = kept.visits - days.visits,
            bots = kept.bots - days.bots, scans = kept.scans - days.scans
        FROM days WHERE (kept.scope, kept.day) = (days.owner, days.day)
    ), less_values AS (
        UPDATE visit_values AS kept SET visits = kept.visits - gone.visits
        FROM kept_values AS gone
        WHERE (kept.scope, kept.day, kept.dimension, kept.value)
            = (gone.owner, gone.day, gone.dimension, gone.value)
    )
    SELECT count(*) FROM link
""")  # noqa: S608  # numbers of ours alone


@dataclass(slots=True)
class Read:
    """What was counted in a time."""

    scopes: int = 0
    """How many links, or accounts, these are the numbers of."""
    steps: dict[int, Tally] = field(default_factory=dict)
    """By the number of the step, from 1."""
    folded: dict[date, Tally] = field(default_factory=dict)
    visitors: dict[date, int] = field(default_factory=dict)
    values: list[tuple[int, str, int]] = field(default_factory=list)
    """Dimension, value, visits by people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which time; `steps` are the moments at which each step begins."""

    begin: datetime
    end: datetime
    first_day: date
    last_day: date
    steps: Sequence[datetime]


class StatisticsTable:
    """Read and forget; errors are DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_link(self, code: str, owner: UUID, asked: Asked, within: str | None = None) -> Read:
        """Return the numbers of one link of an owner.

        No scope: it is not theirs, or has not the tag with the key `within`.
        """
        return self._rows(_READ_LINK, asked, _link(code, owner, within))

    def of_account(self, owner: UUID, asked: Asked) -> Read:
        """Return the numbers of all links of an owner; no scope: there is no such account."""
        return self._rows(_READ_ACCOUNT, asked, {"owner": owner})

    def of_tag(self, owner: UUID, tag: str, asked: Asked, within: str | None = None) -> Read:
        """Return the numbers of the links that have the tags with these keys now."""
        return self._rows(_READ_TAG, asked, {"owner": owner, "tag": tag, "within": within})

    def forget(self, code: str, owner: UUID, within: str | None = None) -> bool:
        """Delete the numbers of one link, also from its owner's; False as no scope of `of_link`."""
        values = _link(code, owner, within)
        return bool(self._database.rows(_FORGET, values, repeatable=True)[0][0])

    def _rows(self, statement: Statement, asked: Asked, which: dict[str, object]) -> Read:
        values = {
            **which,
            "begin": asked.begin,
            "end": asked.end,
            "first_day": asked.first_day,
            "last_day": asked.last_day,
            "steps": list(asked.steps),
        }
        read = Read()
        for kind, day, number, value, visits, bots, scans in self._database.rows(
            statement, values, repeatable=True
        ):
            if kind == "scope":
                read.scopes = number
            elif kind == "slot":
                read.steps[number] = Tally(visits, bots, scans)
            elif kind == "folded":
                read.folded[day] = Tally(visits, bots, scans)
            elif kind == "visitors":
                read.visitors[day] = visits
            else:
                read.values.append((number, value, visits))
        return read


def _link(code: str, owner: UUID, within: str | None) -> dict[str, object]:
    return {"code": code, "lower": code.lower(), "owner": owner, "within": within}
