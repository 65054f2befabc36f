"""Shorten and resolve: the use cases of links."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app import codes, metrics, targets
from app.blocking import Blocklist
from app.model.errors import (
    DatabaseUnavailable,
    IdGenerationFailed,
    InvalidShortUrl,
    LinkGone,
    LinkNotStarted,
    ReservedWord,
    UrlNotFound,
)
from app.model.links import Known, LinkList, NoLink, PlainLink
from app.model.managed_links import Terms
from app.states import Destination, check_open, destination, targets_of
from app.storage.cache import LinkCache
from app.storage.links import LinkTable
from app.targets import Target
from app.visitors import NOBODY, Visitor

MOST_LISTED = 10_000
_ATTEMPTS = 10
_READINGS = 3


class Resolved(msgspec.Struct, frozen=True):
    """Where a code leads, and whether a cache knew it."""

    target: str
    cache_hit: bool
    code: str | None = None
    """As it is kept, where that may be otherwise than it was asked for."""
    destination: Destination | None = None
    """What else there is to the answer of a managed link."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What anybody may see of a link before following it."""

    code: str
    title: str | None
    targets: tuple[str, ...]
    created_at: datetime | None


class Links:
    """The use cases; `own_hosts` are those of PUBLIC_BASE_URL, `local` also takes localhost."""

    def __init__(
        self,
        table: LinkTable,
        cache: LinkCache,
        *,
        own_hosts: frozenset[str],
        local: bool,
        blocklist: Blocklist | None = None,
    ) -> None:
        self._table = table
        self._cache = cache
        self._own_hosts = own_hosts
        self._local = local
        self.blocklist = blocklist or Blocklist()

    def shorten(self, url: str, *, owner: UUID | None, request_host: str) -> tuple[str, bool]:
        """Return the code for a target and whether it is new.

        The same owner giving the same target gets the same code, also when requests race.
        Errors: InvalidUrl, TargetBlocked, InvalidToken, DatabaseUnavailable, IdGenerationFailed.
        """
        target = self.accept(url, request_host=request_host)
        for _ in range(_ATTEMPTS):
            inserted = self._table.insert(codes.generate(), target, owner)
            if inserted is not None:
                code, new = inserted
                if new:
                    # Also undoes what a scan may have left: "no link has this code".
                    self._cache.put(code, PlainLink(target.url))
                metrics.record_created(new=new)
                return code, new
        raise IdGenerationFailed

    def accept(self, url: str, *, request_host: str) -> Target:
        """Return a target that a link may have; raise InvalidUrl or TargetBlocked."""
        asked = targets.authority(request_host)
        own_hosts = self._own_hosts if asked is None else self._own_hosts | {asked}
        target = targets.accept(url, own_hosts=own_hosts, local=self._local)
        self.blocklist.check(target.url)
        return target

    def resolve(self, code: str, visitor: Visitor = NOBODY) -> Resolved:
        """Return where a code leads a visitor, and use up a visit where their number is limited.

        Errors: ReservedWord, InvalidShortUrl, UrlNotFound, LinkGone, LinkNotStarted,
        DatabaseUnavailable.
        """
        found, known, hit = self._find(code)
        if isinstance(known, Terms):
            known, sent = self._send(found, known, visitor)
            metrics.record_resolved("found")
            return Resolved(sent.target, hit, found, sent)
        metrics.record_resolved("found")
        return Resolved(known.target, hit, found)

    def look_at(self, code: str) -> str:
        """Return a link's code as it is kept, also before it starts; nothing counts.

        Errors: as `resolve`, but LinkNotStarted.
        """
        found, known, _ = self._find(code)
        if isinstance(known, Terms):
            with contextlib.suppress(LinkNotStarted):
                self._check(known)
        return found

    def preview(self, code: str) -> Preview:
        """Return where a link may lead; nothing counts. Errors: as `resolve`."""
        found, known, _ = self._find(code)
        leads_to: tuple[str, ...] = (known.target,)
        if isinstance(known, Terms):
            self._check(known)
            leads_to = targets_of(known)
        title, created_at = None, None
        with contextlib.suppress(DatabaseUnavailable):  # the cache knows where it leads
            title, created_at = self._table.described(found)
        return Preview(found, title, leads_to, created_at)

    def at_hand(self, code: str) -> PlainLink | None:
        """Return what `resolve` would find in the process, if that is a plain link.

        Counts nothing and asks nobody; whoever then answers with it calls `took`.
        """
        known = self._cache.at_hand(code)
        if type(known) is PlainLink and not codes.is_reserved(code):
            return known
        return None

    def took(self) -> None:
        """Count what `resolve` counts for a link that was at hand."""
        metrics.record_process_lookup(hit=True)
        metrics.record_resolved("found")

    def owned_by(self, owner: UUID, within: str | None = None) -> LinkList:
        """Return an owner's links, the newest first: 10,000 or 2 MiB of them at most.

        Whoever is limited to links `within` a tag gets those.
        """
        return self._table.owned_by(owner, MOST_LISTED, within=within)

    def _check(self, terms: Terms) -> None:
        """Raise what the link answers instead of leading anywhere."""
        check_open(terms, datetime.now(UTC), self.blocklist.covers)

    def _find(self, code: str) -> tuple[str, PlainLink | Terms, bool]:
        """Return the code as it is kept, what is known of it, and whether a cache knew."""
        if codes.is_reserved(code):
            raise ReservedWord
        if not codes.is_alias(code):
            raise InvalidShortUrl
        generated = codes.is_code(code)
        # Aliases are kept in lower case; only what was generated has capitals.
        spellings = dict.fromkeys((code, code.lower()) if generated else (code.lower(),))
        for spelling in spellings:
            cached = self._cache.get(spelling)
            known = self._read(spelling) if cached is None else cached
            if not isinstance(known, NoLink):
                return spelling, known, cached is not None
        metrics.record_resolved("not_found")
        # What was never generated and is nobody's alias could not exist before there were aliases.
        raise UrlNotFound if generated else InvalidShortUrl

    def _send(self, code: str, terms: Terms, visitor: Visitor) -> tuple[Terms, Destination]:
        """Return where a managed link leads; ask the table for a limited visit."""
        known: Known = terms
        for _ in range(_READINGS):
            if not isinstance(known, Terms):
                break
            sent = destination(known, visitor, datetime.now(UTC), self.blocklist.covers)
            if not sent.limited or not visitor.counts or self._use_visit(code, known):
                return known, sent
            # None was left, or the link was changed meanwhile: the table knows.
            known = self._read(code)
        if isinstance(known, PlainLink):
            return self._send(code, Terms(known.target, known.revision), visitor)
        raise LinkGone

    def _use_visit(self, code: str, terms: Terms) -> bool:
        used = self._table.use_visit(code)
        if used is None:
            return False
        revision, last = used
        if last:
            exhausted = msgspec.structs.replace(terms, revision=revision, exhausted=True)
            self._cache.changed(code, exhausted)
        return True

    def _read(self, code: str) -> Known:
        for _ in range(_READINGS):
            reading = self._cache.reading()
            try:
                known = self._table.known(code)
            except DatabaseUnavailable:
                metrics.record_resolved("unavailable")
                raise
            kept = self._cache.put(code, known, reading)
            if self._cache.is_current(code, known, reading):
                break
        return kept
