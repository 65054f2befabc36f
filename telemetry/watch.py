"""The thread that probes what does not work and says once a minute what was lost."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping

from telemetry.lines import Clock

PROBE_INTERVAL = 5.0
REPORT_INTERVAL = 60.0
"""Seconds."""
# In the words of the Go service, which operators search for (specification, Troubleshooting).
_NOT_AT_LOKI = "failed to send log to loki"
_TO_STDOUT = "log lines, stdout"


class Report:
    """Says on stderr, never through logging, how much more was lost since it last said so."""

    def __init__(
        self,
        losses: Callable[[], Mapping[str, int]],
        write: Callable[[str], object] | None = None,
        why: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`why` tells of a kind ("spans", "log lines") who did not take it, and the reason."""
        self._losses = losses
        self._why = why
        self._write = write or _stderr
        self._said: Mapping[str, int] = {}
        self._clock = Clock()

    def say(self, message: str) -> None:
        """Write one JSON line if anything was lost since the last one."""
        losses = dict(self._losses())
        fresh = {
            what: count - self._said.get(what, 0)
            for what, count in losses.items()
            if count > self._said.get(what, 0)
        }
        self._said = losses
        if fresh:
            line: dict[str, object] = {
                "level": "warn",
                "ts": self._clock.format(time.time()),
                "msg": f"{message}: {_NOT_AT_LOKI}" if _misses_lines(fresh) else message,
                "logger": "telemetry",
                "lost": fresh,
                "pid": os.getpid(),
            }
            kinds = {what.partition(",")[0] for what in fresh if what != _TO_STDOUT}
            why = {kind: reason for kind, reason in self._why().items() if kind in kinds}
            if why:
                line["why"] = why
            self._write(json.dumps(line) + "\n")


def _misses_lines(lost: Mapping[str, int]) -> bool:
    return any(what.startswith("log lines, ") and what != _TO_STDOUT for what in lost)


def _stderr(text: str) -> None:
    # Its reader may be gone, its disk full.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


class Watch:
    """Probes right after the start, then again whatever fails; reports every minute."""

    def __init__(
        self,
        probes: Callable[[], list[Callable[[], None]]],
        report: Report,
        probe_interval: float = PROBE_INTERVAL,
        report_interval: float = REPORT_INTERVAL,
    ) -> None:
        self._probes = probes
        self._probe_interval = probe_interval
        self._report_interval = report_interval
        self._report = report
        self._stopping = threading.Event()
        self._start()
        os.register_at_fork(after_in_child=self._after_fork)

    def _start(self) -> None:
        threading.Thread(target=self._run, name="telemetry-watch", daemon=True).start()

    def _after_fork(self) -> None:
        if not self._stopping.is_set():
            self._stopping = threading.Event()
            self._start()

    def _run(self) -> None:
        next_report = time.monotonic() + self._report_interval
        while True:
            for probe in self._probes():
                probe()
                if self._stopping.is_set():
                    return
            if self._stopping.wait(self._probe_interval):
                return
            if time.monotonic() >= next_report:
                self._report.say("Telemetry was lost")
                next_report += self._report_interval

    def stop(self) -> None:
        """Stop without waiting."""
        self._stopping.set()
