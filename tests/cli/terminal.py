"""A terminal of which a command knows no better than that a person sits there."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Self

from tests.cli.conftest import COMMAND

_LIMIT_S = 60.0
_PRESSES = 6


class Terminal:
    """Runs one command in a pseudo-terminal: what it shows, and what is typed."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], *, stdout: int | None = None
    ) -> None:
        """Start it; `stdout` leads elsewhere, while stdin and stderr stay the terminal's."""
        self._master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env={"COLUMNS": "100", "LINES": "40", **environment},
            start_new_session=True,
        )
        os.close(slave)

    def await_text(self, text: str) -> None:
        """Read until the text was shown; AssertionError if it never is."""
        deadline = time.monotonic() + _LIMIT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), f"{text!r} was not shown:\n{self.shown}"

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C, and again where nothing comes of it.

        Python does not see one that arrives just before it begins to read from a terminal.
        """
        for _ in range(_PRESSES):
            self.process.send_signal(signal.SIGINT)
            if select.select([self._master], [], [], _LIMIT_S / _PRESSES)[0]:
                return

    def end(self) -> int:
        """Read all that is shown and return the exit status."""
        while self._read():
            pass
        return self.process.wait(_LIMIT_S)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        """Read a piece; tell whether there may be more."""
        ready, _, _ = select.select([self._master], [], [], _LIMIT_S)
        assert ready, f"nothing came:\n{self.shown}"
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # EIO: everybody has closed the other end
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)
