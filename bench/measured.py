"""What one drive of wrk has shown of a service, and its line in the table."""

from __future__ import annotations

from dataclasses import dataclass

from bench.wrk import Load

Shape = tuple[str, int, int]
"""Signals, workers, threads."""


@dataclass(frozen=True)
class Measured:
    """One line of the result."""

    what: str
    signals: str
    workers: int
    threads: int
    connections: int
    load: Load
    cpu: float
    """Milliseconds of the workers' CPU a request: a busy machine changes it least."""
    resident: float
    """MiB of all workers."""

    def text(self) -> str:
        """Return the line of the Markdown table."""
        load = self.load
        return (
            f"| {self.what} | {self.signals} | {self.workers}×{self.threads} | {self.connections} "
            f"| {load.rate:,.0f} | {load.p50:.1f} | {load.p99:.1f} | {load.errors} "
            f"| {self.cpu:.2f} | {self.resident:.0f} |"
        )


HEAD = (
    "| What | Signals | Workers×threads | Connections "
    "| Requests/s | p50 ms | p99 ms | Errors | CPU ms | MiB |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)
