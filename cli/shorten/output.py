"""What is shown: results on stdout, all else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import click
from rich.console import Console, RenderableType
from rich.text import Text

from shorten.errors import Failure
from shorten.harmless import harmless, harmless_json


class Output:
    """Both streams; `as_json` is set by whatever command was asked for it."""

    def __init__(self, *, colour: bool = True) -> None:
        self.as_json = False
        self.is_quiet = False
        self._colour = colour
        for stream in (sys.stdout, sys.stderr):
            # A character that the terminal cannot show is shown as an escape, not as a stop.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
        self.console = self._console(sys.stdout)
        self.side = self._console(sys.stderr)

    @property
    def is_terminal(self) -> bool:
        """Tell whether a person reads the results."""
        return self.console.is_terminal and not self.as_json

    @property
    def shows_progress(self) -> bool:
        """Tell whether a bar may move on stderr."""
        return self.side.is_terminal and not self.side.is_dumb_terminal and not self.is_quiet

    @property
    def has_blocks(self) -> bool:
        """Tell whether the terminal can show block elements."""
        return "utf" in self.console.encoding.lower()

    def result(self, text: str) -> None:
        """Print a line that a script may want, made harmless."""
        self.line(harmless(text))

    def line(self, text: str) -> None:
        """Print a line as it is."""
        sys.stdout.write(text + "\n")

    def row(self, values: Sequence[object]) -> None:
        """Print fields parted by tabs; None is nothing."""
        self.line("\t".join("" if value is None else harmless(value) for value in values))

    def json(self, value: Any) -> None:
        """Print what the service said; for people indented, for scripts on one line."""
        self.line(harmless_json(value, indent=2 if self.console.is_terminal else None))

    def json_line(self, value: Any) -> None:
        """Print one of many, on a line of its own also for people."""
        self.line(harmless_json(value))

    def show(self, *what: RenderableType) -> None:
        """Print something for people."""
        for part in what:
            self.console.print(part, soft_wrap=isinstance(part, Text))

    def say(self, text: str, style: str = "") -> None:
        """Tell a person something that is no result."""
        if not self.is_quiet:
            self.side.print(Text(harmless(text), style), soft_wrap=True)

    def fail(self, failure: Failure) -> None:
        """Tell what went wrong."""
        if self.as_json:
            told = {
                "error": failure.message,
                "code": failure.code,
                "hint": failure.hint,
                "status": failure.status or None,
                "exit_status": failure.exit_status,
            }
            text = harmless_json({name: value for name, value in told.items() if value is not None})
            sys.stderr.write(text + "\n")
            return
        self.side.print(
            Text.assemble(("Error: ", "bold red"), harmless(failure.message)), soft_wrap=True
        )
        if failure.hint:
            self.side.print(
                Text.assemble(("Next: ", "bold"), harmless(failure.hint)), soft_wrap=True
            )

    @contextmanager
    def pager(self) -> Iterator[Console]:
        """Yield a console whose lines are read page by page, where a person reads.

        What is not asked for is not fetched: a pager that is full makes the writer wait.
        """
        if not self.console.is_terminal:
            yield self.console
            return
        os.environ.setdefault("LESS", "-FRX")  # as git does: short output needs no key
        with click.get_pager_file(color=not self.console.no_color) as file:
            yield self._console(file, terminal=self.console)

    def _console(self, file: TextIO, terminal: Console | None = None) -> Console:
        return Console(
            file=file,
            markup=False,
            emoji=False,
            highlight=False,
            no_color=None if self._colour else True,
            force_terminal=True if terminal else None,
            width=terminal.width if terminal else None,
            color_system="truecolor" if terminal and terminal.color_system else "auto",
        )


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def joined(values: Iterable[object]) -> str:
    """Return values parted by commas."""
    return ", ".join(str(value) for value in values)
