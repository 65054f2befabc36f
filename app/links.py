"""Shorten and resolve: the use cases of links."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app import codes, metrics, targets
from app.model.errors import (
    DatabaseUnavailable,
    IdGenerationFailed,
    InvalidShortUrl,
    ReservedWord,
    UrlNotFound,
)
from app.model.links import Known, LinkList, NoLink, PlainLink
from app.storage.cache import LinkCache
from app.storage.links import LinkTable

MOST_LISTED = 10_000
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a code leads, and whether a cache knew it."""

    target: str
    cache_hit: bool


class Links:
    """The use cases; `own_hosts` are those of PUBLIC_BASE_URL, `local` also takes localhost."""

    def __init__(
        self, table: LinkTable, cache: LinkCache, *, own_hosts: frozenset[str], local: bool
    ) -> None:
        self._table = table
        self._cache = cache
        self._own_hosts = own_hosts
        self._local = local

    def shorten(self, url: str, *, owner: UUID | None, request_host: str) -> tuple[str, bool]:
        """Return the code for a target and whether it is new.

        The same owner giving the same target gets the same code, also when requests race.
        Errors: InvalidUrl, InvalidToken, DatabaseUnavailable, IdGenerationFailed.
        """
        asked = targets.authority(request_host)
        own_hosts = self._own_hosts if asked is None else self._own_hosts | {asked}
        target = targets.accept(url, own_hosts=own_hosts, local=self._local)
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

    def resolve(self, code: str) -> Resolved:
        """Return where a code leads.

        Errors: ReservedWord, InvalidShortUrl, UrlNotFound, DatabaseUnavailable.
        """
        if codes.is_reserved(code):
            raise ReservedWord
        if not codes.is_code(code):
            raise InvalidShortUrl
        cached = self._cache.get(code)
        known = self._read(code) if cached is None else cached
        if isinstance(known, NoLink):
            metrics.record_resolved("not_found")
            raise UrlNotFound
        metrics.record_resolved("found")
        return Resolved(known.target, cached is not None)

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

    def owned_by(self, owner: UUID) -> LinkList:
        """Return an owner's links, the newest first: 10,000 or 2 MiB of them at most."""
        return self._table.owned_by(owner, MOST_LISTED)

    def _read(self, code: str) -> Known:
        try:
            stored = self._table.target(code)
        except DatabaseUnavailable:
            metrics.record_resolved("unavailable")
            raise
        known = NoLink() if stored is None else PlainLink(targets.absolute(stored))
        self._cache.put(code, known)
        return known
