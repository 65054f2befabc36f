"""Hosts that links may not lead to, with every name below them."""

from __future__ import annotations

from collections.abc import Iterable

from app import targets
from app.model.errors import TargetBlocked


class Blocklist:
    """The blocked hosts as this worker knows them (app/storage/change_feed.py tells it)."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = frozenset(hosts)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts in the form of `targets.host_of`."""
        return self._hosts

    def replace(self, hosts: Iterable[str]) -> None:
        """Block these hosts and no others."""
        self._hosts = frozenset(hosts)

    def covers(self, url: str) -> bool:
        """Tell whether a target's host, or one above it, is blocked."""
        if not self._hosts:
            return False
        name = targets.host_of(url) or ""
        while name:
            if name in self._hosts:
                return True
            name = name.partition(".")[2]
        return False

    def check(self, url: str) -> None:
        """Raise TargetBlocked for a target nobody may be sent to."""
        if self.covers(url):
            raise TargetBlocked
