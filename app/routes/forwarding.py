"""Whether requests come through as many proxies as TRUSTED_PROXIES says."""

from __future__ import annotations

import ipaddress
from collections import deque

from app.model.worker_reports import Forwarding

_REMEMBERED = 200


class ForwardingNotes:
    """The last requests that had X-Forwarded-For; only counts of them leave this object."""

    def __init__(self) -> None:
        self._notes: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED)

    def note(self, header: str, address: str) -> None:
        """Note the header and the address that the request was taken to come from."""
        self._notes.append((header.count(",") + 1, address))

    def summary(self) -> Forwarding:
        """Count."""
        notes = list(self._notes)
        if not notes:
            return Forwarding()
        hops = [count for count, _ in notes]
        return Forwarding(
            requests=len(notes),
            addresses=len({address for _, address in notes}),
            internal=sum(_is_internal(address) for _, address in notes),
            fewest_hops=min(hops),
            most_hops=max(hops),
        )


def _is_internal(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False
