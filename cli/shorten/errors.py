"""Everything that can go wrong, and with which exit status it ends.

Failure                 1   refused by the service, or impossible here
├── WrongConfiguration  2   as wrong usage, which click itself ends with 2
├── NotFound            3   no such link, tag, key or import of yours
├── NotLetIn            4   not logged in, or not allowed
├── Unreachable         5   no answer, or too busy: later it may work
│   └── NoShortener     5   something else answers: asking again changes nothing
├── Changed             6   somebody else was quicker: look again, then decide
├── PartlyDone          7   some of it was refused, the rest is done
└── Interrupted         130 Ctrl-C
"""

from __future__ import annotations

from typing import ClassVar


class Failure(Exception):
    """Something a person is told, in a whole sentence, and a script by the exit status."""

    exit_status: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str | None = None, code: str | None = None, status: int = 0
    ) -> None:
        """Give what went wrong, what to do next, and the service's own code and HTTP status."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.status = status


class WrongConfiguration(Failure):
    """The configuration cannot be used as it is."""

    exit_status = 2


class NotFound(Failure):
    """There is no such thing, or it is somebody else's."""

    exit_status = 3


class NotLetIn(Failure):
    """The service does not know who asks, or does not allow it."""

    exit_status = 4


class Unreachable(Failure):
    """The service did not answer, or asks to come back later."""

    exit_status = 5


class NoShortener(Unreachable):
    """What answers is no shortener."""


class Changed(Failure):
    """What was seen is no longer so."""

    exit_status = 6


class PartlyDone(Failure):
    """Some of many were refused."""

    exit_status = 7


class Interrupted(Failure):
    """The person at the terminal ended it."""

    exit_status = 130


STATUSES = (
    (0, "done"),
    (1, "refused: the message says why"),
    (2, "wrong usage or configuration"),
    (3, "not found, or not yours"),
    (4, "not let in: log in, or use a key that may"),
    (5, "not reached, or too busy: try again later"),
    (6, "changed by somebody else meanwhile"),
    (7, "done in part: some were refused"),
    (130, "ended by Ctrl-C"),
    (141, "nobody reads the output any more"),
)
"""For the help; docs/users.md says the same."""
