"""Write lines to standard output, whole and at once."""

from __future__ import annotations

import os
import select

from telemetry.lines import Line

_STDOUT = 1


class Stdout:
    """Standard output as a place for whole lines; what cannot be written is counted.

    One write for a line: up to PIPE_BUF bytes it cannot mix with the lines of other workers that
    share the pipe. Nothing is buffered: what a request logged is out before its thread goes on.
    """

    def __init__(self, descriptor: int = _STDOUT) -> None:
        self._descriptor = descriptor
        self._torn = False
        self.failed = 0

    def write(self, line: Line) -> None:
        """Write the line and its end; never raise."""
        data = line.json + b"\n"
        if self._torn:
            # A full disk takes the beginning of a line, of ours or of another process: this one
            # must not be glued to it.
            data = b"\n" + data
        try:
            written = os.write(self._descriptor, data)
            while written < len(data):
                data = data[written:]
                written = self._write_rest(data)
        except OSError:
            self.failed += 1
            self._torn = True
        else:
            self._torn = False

    def _write_rest(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            select.select([], [self._descriptor], [], 1.0)
            return os.write(self._descriptor, data)
