"""Import: an upload whose parts are taken once each, whatever dies in between."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app import metrics
from app.model.callers import Caller
from app.model.errors import InvalidImport, NotFound, OffsetConflict
from app.model.transfers import AcceptedLink, Announced, Format, Import, Refusal
from app.storage.cache import LinkCache
from app.storage.imported_links import ImportedLinks, Part
from app.storage.imports import MOST_REFUSALS, ImportTable, Upload
from app.transfer.acceptance import Accept, Acceptance
from app.transfer.reading import PartReader, Reading
from app.transfer.turns import TransferTurns

LONGEST_PART = 1 << 20
"""Bytes."""
LARGEST_FILE = 1 << 40
LONGEST_NAME = 256
_LONGEST_REASON = 500
_DIGEST = 32

_decode = msgspec.json.Decoder(Reading).decode
_encode = msgspec.json.Encoder().encode


class Importing:
    """The use cases; `turns` bounds how many parts are taken at once in this worker."""

    def __init__(
        self, table: ImportTable, links: ImportedLinks, cache: LinkCache, turns: TransferTurns
    ) -> None:
        self._table = table
        self._links = links
        self._cache = cache
        self._turns = turns

    def begin(self, caller: Caller, file: Announced) -> tuple[Import, bool]:
        """Return an import and whether it is new; one of the same digest that is open is not.

        Errors: InvalidImport, TooManyImports, DatabaseUnavailable.
        """
        if file.format not in set(Format):
            raise InvalidImport(f"format must be one of {', '.join(Format)}")
        if not 1 <= file.size <= LARGEST_FILE:
            raise InvalidImport(f"size must be between 1 and {LARGEST_FILE} bytes")
        name = file.name
        if name is not None and (len(name) > LONGEST_NAME or not _is_text(name)):
            raise InvalidImport(f"name must be a text of at most {LONGEST_NAME} characters")
        return self._table.begin(caller, file, _digest(file.digest))

    def take(
        self, id_: UUID, caller: Caller, offset: int, part: bytes, accept: Accept
    ) -> tuple[Import, list[str]]:
        """Take the next part of a file; return how far it is now, and the targets of new links.

        A file whose beginning is none that can be read can never go on: its import is forgotten,
        and is none of those that are open. Errors: NotFound, OffsetConflict, InvalidImport,
        TransfersBusy, DatabaseUnavailable.
        """
        self._turns.take()
        try:
            upload = self._table.upload(id_, caller)
            if upload is None:
                raise NotFound
            if offset != upload.told.offset:
                raise OffsetConflict(upload.told.offset)
            _check_length(upload.told, part)
            try:
                read = self._read(upload, caller.user, part, accept)
            except InvalidImport:
                self._table.forget(id_, caller, offset)
                raise
            told, new = self._links.take(read)
        finally:
            self._turns.give_back()
        before = upload.told
        metrics.record_transferred("imported", told.links - before.links)
        metrics.record_transferred("unchanged", told.unchanged - before.unchanged)
        metrics.record_transferred("refused", told.refused - before.refused)
        self._cache.made(link.code for link in new)
        return told, [link.fields.target for link in new]

    def get(self, id_: UUID, caller: Caller) -> Import:
        """Return one of the owner's imports; raise NotFound."""
        found = self._table.find(id_, caller)
        if found is None:
            raise NotFound
        return found

    def newest(self, caller: Caller) -> list[Import]:
        """Return the owner's last twenty imports."""
        return self._table.newest(caller)

    def give_up(self, id_: UUID, caller: Caller) -> None:
        """Forget an import; the links that it brought stay. Raise NotFound."""
        if not self._table.delete(id_, caller):
            raise NotFound

    def refusals(self, id_: UUID, caller: Caller, after: int, limit: int) -> list[Refusal]:
        """Return what was not taken behind a line, and why; raise NotFound."""
        self.get(id_, caller)
        return self._table.refusals(id_, after, limit)

    def _read(self, upload: Upload, owner: UUID, part: bytes, accept: Accept) -> Part:
        told = upload.told
        end = told.offset + len(part)
        reading = _decode(upload.reading) if upload.reading else Reading(told.format)
        reader = PartReader(reading, upload.rest)
        acceptance = Acceptance(accept, datetime.now(UTC), upload.tag)
        links: list[AcceptedLink] = []
        refusals: list[Refusal] = []
        refused = 0
        for read in reader.read(part, last=end == told.size):
            judged = read if isinstance(read, Refusal) else acceptance.judge(*read)
            if isinstance(judged, AcceptedLink):
                links.append(judged)
                continue
            refused += 1
            if refused <= MOST_REFUSALS:
                refusals.append(_kept(judged))
        return Part(
            id=told.id,
            owner=owner,
            begin=told.offset,
            end=end,
            format=reader.reading.format,
            rest=reader.rest,
            reading=_encode(reader.reading),
            tag=upload.tag,
            links=links,
            refusals=refusals,
            refused=refused,
        )


def _check_length(told: Import, part: bytes) -> None:
    if not part:
        raise InvalidImport("a part has at least one byte")
    if len(part) > LONGEST_PART:
        raise InvalidImport(f"a part has at most {LONGEST_PART} bytes")
    if told.offset + len(part) > told.size:
        raise InvalidImport(f"the file was said to have {told.size} bytes, and this is more")


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST:
        raise InvalidImport("digest must be a SHA-256 in hexadecimal digits")
    return digest


def _is_text(name: str) -> bool:
    return not any(unicodedata.category(each) in {"Cc", "Cs"} for each in name)


def _kept(refusal: Refusal) -> Refusal:
    """Return a refusal that PostgreSQL can keep, and that is not long."""
    reason = refusal.reason[:_LONGEST_REASON].encode("utf-8", "replace").decode()
    code = refusal.code
    if code is not None:
        code = code[:100].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return Refusal(refusal.line, code, reason.replace("\0", "\ufffd"))
