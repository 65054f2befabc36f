"""Links that a part of a file brings, stored with the import's new offset in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from app.fields import tag_key
from app.model.errors import (
    AliasTaken,
    InvalidToken,
    NotFound,
    OffsetConflict,
    TargetTaken,
    TokenFault,
)
from app.model.transfers import AcceptedLink, Import, Refusal
from app.storage import import_statements as sql
from app.storage.connections import BoundedConnection, Row
from app.storage.database import Database
from app.storage.imports import MOST_REFUSALS, import_from
from app.storage.statements import Statement
from app.targets import are_same

BATCH = 1_000
"""Links of one statement."""
LONGEST_TO_SHARE = 2_600
"""Bytes of a target that surely fit into the index of the Go service's constraint."""
_OTHER_TARGET = "the account has a link of this code with another target"
_TOO_LONG_TO_SHARE = "the target is too long for the service before this one"


@dataclass(frozen=True, slots=True)
class Part:
    """What was made of one part of a file."""

    id: UUID
    owner: UUID
    begin: int
    end: int
    """Offsets in the file."""
    tag: str | None
    """The one that every link has, and that a link has to have to be known."""
    format: str
    rest: bytes
    reading: bytes
    links: Sequence[AcceptedLink]
    refusals: Sequence[Refusal]
    """As many as are kept at most."""
    refused: int
    """All of them."""


@dataclass(slots=True)
class Taken:
    """What became of a part's links."""

    inserted: list[AcceptedLink] = field(default_factory=list)
    unchanged: int = 0
    refusals: list[Refusal] = field(default_factory=list)


class ImportedLinks:
    """Take parts of imports, each exactly once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, part: Part) -> tuple[Import, list[AcceptedLink]]:
        """Store a part and return the import as it is now, and the links that are new.

        OffsetConflict: the import is not where the part begins. NotFound: it is gone.
        InvalidToken: its owner is. DatabaseUnavailable: it may have been stored nevertheless.
        """
        try:
            return self._take(part, longest=None)
        except psycopg.errors.ProgramLimitExceeded:
            return self._take(part, longest=LONGEST_TO_SHARE)
        except psycopg.errors.ForeignKeyViolation:
            raise InvalidToken(TokenFault.USER_GONE) from None

    def _take(self, part: Part, *, longest: int | None) -> tuple[Import, list[AcceptedLink]]:
        tries = 0

        def work(connection: BoundedConnection) -> tuple[Import, list[AcceptedLink]]:
            nonlocal tries
            tries += 1
            session = _Session(connection, part.owner, part.tag)
            row = session.one(sql.LOCK, id=part.id, owner=part.owner)
            if row is None:
                raise NotFound
            told = import_from(row)
            if told.offset == part.end and tries > 1:
                return told, list(part.links)  # stored by the try whose answer was lost
            if told.offset != part.begin:
                raise OffsetConflict(told.offset)
            taken = session.store(part.links, longest)
            return session.move_on(part, taken, told), taken.inserted

        return self._database.transaction(work)


class _Session:
    """One transaction."""

    def __init__(self, connection: BoundedConnection, owner: UUID, tag: str | None) -> None:
        self._connection = connection
        self._owner = owner
        self._tag = tag

    def rows(self, statement: Statement, **values: object) -> list[Row]:
        found = statement.values(values)
        return self._connection.rows(statement.text, found, prepare=statement.prepare)

    def one(self, statement: Statement, **values: object) -> Row | None:
        rows = self.rows(statement, **values)
        return rows[0] if rows else None

    def store(self, links: Sequence[AcceptedLink], longest: int | None) -> Taken:
        """Insert what is new, and tell what is not."""
        taken = Taken()
        fresh, repeated = _once_each(links, taken, longest)
        self.rows(sql.TAGS_ARE_NOTED)
        numbers = self._tag_numbers(fresh)
        # In one order: two imports of the same codes wait for each other and never in a circle.
        fresh.sort(key=lambda link: link.code)
        for begin in range(0, len(fresh), BATCH):
            self._store_batch(fresh[begin : begin + BATCH], numbers, taken)
        for begin in range(0, len(repeated), BATCH):
            again = repeated[begin : begin + BATCH]
            known = self._known(again)
            for link in again:
                self._tell(link, known.get(link.code), taken)
        self._note_tags(taken.inserted, numbers)
        return taken

    def move_on(self, part: Part, taken: Taken, told: Import) -> Import:
        """Note what was refused, and where the next part begins."""
        refused = _one_a_line([*part.refusals, *taken.refusals])
        refusals = refused[: max(0, MOST_REFUSALS - told.refused)]
        if refusals:
            self.rows(
                sql.REFUSE,
                id=part.id,
                lines=[refusal.line for refusal in refusals],
                codes=[refusal.code for refusal in refusals],
                reasons=[refusal.reason for refusal in refusals],
            )
        rows = self.rows(
            sql.MOVE_ON,
            id=part.id,
            received=part.end,
            format=part.format,
            rest=part.rest,
            reading=part.reading,
            links=len(taken.inserted),
            unchanged=taken.unchanged,
            refused=part.refused + len(taken.refusals),
        )
        return import_from(rows[0])

    def _tag_numbers(self, links: Sequence[AcceptedLink]) -> dict[str, int]:
        names = {tag_key(name): name for link in links for name in link.fields.tags}
        if not names:
            return {}
        keys = sorted(names)
        rows = self.rows(sql.TAGS, owner=self._owner, keys=keys, names=[names[key] for key in keys])
        return {key: number for number, key in rows}

    def _store_batch(
        self, batch: Sequence[AcceptedLink], numbers: dict[str, int], taken: Taken
    ) -> None:
        inserted = self._insert(batch, numbers, findable=True)
        left = [link for link in batch if link.code not in inserted]
        known = self._known(left)
        # Another link of the account is found by this target; this one is made nevertheless.
        found = [link for link in left if link.code not in known and link.digest is not None]
        if found:
            inserted |= self._insert(found, numbers, findable=False)
        for link in left:
            if link.code not in inserted:
                self._tell(link, known.get(link.code), taken)
        made = [link for link in batch if link.code in inserted]
        taken.inserted += made
        self._count([link for link in made if link.visits or link.visitors or link.bots])

    def _insert(
        self, links: Sequence[AcceptedLink], numbers: dict[str, int], *, findable: bool
    ) -> set[str]:
        values = sql.columns(links, numbers, findable=findable)
        return {code for (code,) in self.rows(sql.INSERT, owner=self._owner, **values)}

    def _known(self, links: Sequence[AcceptedLink]) -> dict[str, Row]:
        if not links:
            return {}
        key = None if self._tag is None else tag_key(self._tag)
        codes = [link.code for link in links]
        rows = self.rows(sql.KNOWN, codes=codes, owner=self._owner, key=key)
        return {row[0]: row for row in rows}

    def _tell(self, link: AcceptedLink, known: Row | None, taken: Taken) -> None:
        """Say why a link was not inserted: there is one of this code, or of this target."""
        if known is None:
            reason = TargetTaken.message
        elif not known[1]:
            reason = AliasTaken.message
        elif known[2] is not None and are_same(known[2], link.fields.target):
            taken.unchanged += 1
            return
        else:
            reason = _OTHER_TARGET
        taken.refusals.append(Refusal(link.line, link.code, reason))

    def _count(self, links: Sequence[AcceptedLink]) -> None:
        if links:
            self.rows(
                sql.COUNT,
                owner=self._owner,
                codes=[link.code for link in links],
                visits=[link.visits for link in links],
                visitors=[link.visitors for link in links],
                bots=[link.bots for link in links],
                last=[link.last_visit_at for link in links],
            )

    def _note_tags(self, links: Sequence[AcceptedLink], numbers: dict[str, int]) -> None:
        pairs = [
            (numbers[tag_key(name)], link.code)
            for link in links
            if link.deleted_at is None
            for name in link.fields.tags
        ]
        if not pairs:
            return
        pairs.sort()
        self.rows(
            sql.NOTE_TAGS,
            numbers=[number for number, _ in pairs],
            codes=[code for _, code in pairs],
        )


def _once_each(
    links: Sequence[AcceptedLink], taken: Taken, longest: int | None
) -> tuple[list[AcceptedLink], list[AcceptedLink]]:
    """Return the first link of each code, and those that come again."""
    first: dict[str, AcceptedLink] = {}
    repeated = []
    for link in links:
        if longest is not None and len(link.fields.target.encode()) > longest:
            taken.refusals.append(Refusal(link.line, link.code, _TOO_LONG_TO_SHARE))
        elif first.setdefault(link.code, link) is not link:
            repeated.append(link)
    return list(first.values()), repeated


def _one_a_line(refusals: Sequence[Refusal]) -> list[Refusal]:
    """Return one refusal for each line: several codes of one record may each be refused."""
    lines: dict[int, Refusal] = {}
    for each in refusals:
        first = lines.setdefault(each.line, each)
        if first is not each:
            reason = f"{first.reason}; {each.code}: {each.reason}"
            lines[each.line] = Refusal(each.line, first.code, reason)
    return list(lines.values())
