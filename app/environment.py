"""Read typed values from an environment, collecting every mistake before any is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_LONGEST_SHOWN = 80


class Environment:
    """A mapping of variables whose values may come wrapped in spaces or quotes.

    A variable that is absent, empty or blank counts as not set. A wrong value adds one line to
    `mistakes` and yields the default, so that reading goes on and all mistakes are found at once.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.mistakes: list[str] = []

    def text(self, name: str) -> str | None:
        """Return the value without surrounding spaces and one pair of quotes, or None."""
        value = self._variables.get(name, "").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1].strip()
        return value or None

    def required(self, name: str, allowed: str) -> str:
        """Return the value; its absence is a mistake."""
        value = self.text(name)
        if value is None:
            self.reject(name, None, allowed)
        return value or ""

    def parsed(self, name: str, parse: Callable[[str], T], default: T, allowed: str) -> T:
        """Return `parse(value)`; a ValueError of `parse` is a mistake."""
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError:
            self.reject(name, value, allowed)
            return default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""

        def parse(value: str) -> int:
            # int() would take "1_000", "+5" and digits of other scripts as well.
            number = int(value) if value.isascii() and value.isdigit() else -1
            if not low <= number <= high:
                raise ValueError
            return number

        return self.parsed(name, parse, default, f"a whole number from {low} to {high}")

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return true for 1, true, yes, on and false for 0, false, no, off."""

        def parse(value: str) -> bool:
            if value.lower() not in _TRUE | _FALSE:
                raise ValueError
            return value.lower() in _TRUE

        return self.parsed(name, parse, default, "true or false")

    def reject(self, name: str, held: str | None, allowed: str, *, secret: bool = False) -> None:
        """Note that `name` held a value that makes no sense; a secret's value is not shown."""
        if held is None:
            shown = "is not set"
        elif secret:
            shown = f"held a secret of {len(held.encode(errors='replace'))} bytes"
        else:
            # What stands before an @ may be a password: redis://:password@host.
            _, at, rest = held.rpartition("@")
            visible = f"***@{rest}" if at else held
            shown = f"held {visible[:_LONGEST_SHOWN]!r}"
        self.mistakes.append(f"{name}: {shown}; allowed: {allowed}")
