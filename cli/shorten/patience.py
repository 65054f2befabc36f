"""When a request is sent again: as the service asks, and within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

from shorten.calls import Answer, Call
from shorten.errors import Failure, Unreachable

LONGEST_S = 90.0
"""How long 429 and 503 are waited for, all together; a window of the rate limit is a minute."""

_TRIES = 3
_LONGEST_PAUSE = 70.0


class Patience:
    """How much of it one request has used up."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._ends = time.monotonic() + LONGEST_S
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
        if pause is None or time.monotonic() + pause > self._ends:
            raise failure
        if pause >= 2:
            self._notify(f"{_why(answer.status)}; going on in {pause:.0f} s")
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
