"""Push batches until Loki has them or they are given up; every line is accounted for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Protocol

from telemetry.lines import Line
from telemetry.loki.payload import encode
from telemetry.signals import SLACK

TRIES = 3
BASE_DELAY = 0.1
"""Seconds before the second try, doubled for the third, with jitter."""
BUDGET = 10.0
"""Seconds one batch may take in all, waits for Retry-After included."""
ATTEMPT = 2.0
"""Seconds one POST may take."""
_NEVER = float("inf")

_ACCEPTED = 204
_TOO_LARGE = 413
_TOO_MANY = 429
_SERVER_ERROR = 500


class Answer:
    """What came of one POST; status 0: no answer."""

    __slots__ = ("retry_after", "status")

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after


class Post(Protocol):
    """Sends one body; never raises."""

    def __call__(self, body: bytes, timeout: float) -> Answer:
        """Return the answer, status 0 if there was none within `timeout` seconds."""


class Pusher:
    """Pushes batches of lines by Loki's rules and counts what became of them."""

    def __init__(
        self,
        post: Post,
        labels: Mapping[str, str],
        pause: Callable[[float], object],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._post = post
        self._labels = labels
        self._pause = pause
        self._now = now
        self.deadline = _NEVER
        """By this time everything must be over; set when stopping."""
        self.sent = 0
        self.lost: Counter[str] = Counter()
        self._accepting = False
        self._due = _NEVER

    @property
    def stopping(self) -> bool:
        """Tell whether the process wants to end."""
        return self.deadline < _NEVER

    @property
    def works(self) -> bool:
        """Tell whether the last push was accepted and none is overdue."""
        return self._accepting and self._now() <= self._due

    def push(self, lines: Sequence[Line]) -> None:
        """Send the lines, in halves where Loki finds them too many; count them sent or lost."""
        pending = [lines]
        while pending:
            batch = pending.pop()
            self._due = self._now() + BUDGET + SLACK
            reason = self._push(batch)
            self._due = _NEVER
            if reason == "too_large" and len(batch) > 1:
                middle = len(batch) // 2
                pending += [batch[middle:], batch[:middle]]
            elif reason is None:
                self.sent += len(batch)
            else:
                self.lost[reason] += len(batch)

    def probe(self, line: Line) -> None:
        """Send one line once, uncounted, to learn whether Loki takes lines."""
        answer = self._post(encode([line], self._labels), ATTEMPT)
        self._accepting = answer.status == _ACCEPTED

    def _push(self, batch: Sequence[Line]) -> str | None:
        """Return None when accepted, else why not."""
        body = encode(batch, self._labels)
        end = min(self._now() + BUDGET, self.deadline)
        reason = "left_at_exit"
        for attempt in range(TRIES):
            left = min(end, self.deadline) - self._now()
            if left <= 0:
                break
            asked = self._now()
            answer = self._post(body, min(ATTEMPT, left))
            self._accepting = answer.status == _ACCEPTED
            if self._accepting:
                return None
            reason, again = _verdict(answer.status)
            if self.stopping and answer.status == 0 and self._now() - asked >= ATTEMPT:
                # It hangs, and the process wants to end: what is left stays left.
                self.deadline = self._now()
            if not again or attempt + 1 == TRIES:
                break
            delay = BASE_DELAY * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
            delay = max(delay, answer.retry_after or 0)
            if delay >= min(end, self.deadline) - self._now():
                break
            self._pause(delay)
        return reason


def _verdict(status: int) -> tuple[str, bool]:
    """Name the failure and tell whether to try again."""
    if status == 0:
        return "unreachable", True
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        return "unavailable", True
    if status == _TOO_LARGE:
        return "too_large", False
    # Loki may have stored the valid lines of a 400; 260 says that ingestion is blocked.
    return "refused", False
