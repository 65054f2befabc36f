"""When a request is sent again: as the service asks, and within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

from shorten.calls import Answer, Call
from shorten.errors import Failure, Unreachable

BUSY_S = 90.0
"""How long 429 is waited for, all together; a window of the rate limit is a minute."""
AWAY_S = 20.0
"""How long 503 is."""

_TRIES = 3
_LONGEST_PAUSE = 70.0
_SILENT_S = 2.0
"""Waits that nobody would notice are not told."""


class Patience:
    """How much of it one request has used up."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._began = time.monotonic()
        self._told = 0.0
        self._silences = 0

    def bear_silence(self, failure: Unreachable, *, is_repeatable: bool) -> None:
        """Wait before asking again what got no answer, or raise the failure."""
        self._silences += 1
        if not is_repeatable or self._silences >= _TRIES:
            raise failure
        self._notify("no answer; asking again")
        time.sleep(self._silences)

    def bear(self, answer: Answer, call: Call, failure: Failure) -> None:
        """Wait as long as the service asks to, or raise the failure."""
        pause = _pause(answer, call)
        longest = AWAY_S if answer.status == 503 else BUSY_S
        until = time.monotonic() - self._began + (pause or 0.0)
        if pause is None or until > longest:
            raise failure
        if until - self._told > _SILENT_S:
            self._told = until + 5.0  # not each second anew
            self._notify(f"{_why(answer.status)}; waiting, {longest:.0f} s at most")
        time.sleep(pause)


def _pause(answer: Answer, call: Call) -> float | None:
    """Return the seconds after which to ask again, None for never."""
    busy = answer.status == 429 or (answer.status == 503 and call.is_repeatable)
    in_use = isinstance(answer.body, dict) and answer.body.get("code") == "IDEMPOTENCY_KEY_IN_USE"
    if not busy and not in_use:
        return None
    given = answer.headers.get("Retry-After", "1")
    seconds = float(given) if given.isdecimal() and len(given) < 6 else 1.0
    # What counts by whole seconds may round down.
    return min(max(seconds, 1.0) + 0.2, _LONGEST_PAUSE)


def _why(status: int) -> str:
    return {429: "the service takes no more just now", 503: "the service is busy"}.get(
        status, "the same is under way already"
    )
