"""Load from wrk, where it is installed (CI installs it)."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m)$", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_REQUESTS = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_SOCKET = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_HEADERS = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "Host: s.example")


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    rate: float
    """Requests a second."""
    p50: float
    p99: float
    """Milliseconds."""
    errors: int


def wrk() -> str | None:
    """Return wrk's path, or None where it is not installed."""
    return shutil.which("wrk")


def drive(url: str, script: Path, *, connections: int, seconds: float) -> Load:
    """Run wrk with a script of requests."""
    command = [
        wrk() or "wrk",
        "--latency",
        f"--connections={connections}",
        f"--threads={min(2, connections)}",
        f"--duration={seconds:.0f}s",
        f"--script={script}",
        *(f"--header={header}" for header in _HEADERS),
        url,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return _read(done.stdout)


def _read(text: str) -> Load:
    latencies = {
        percent: float(number) * _UNITS[unit] for percent, number, unit in _LATENCY.findall(text)
    }
    rate = _RATE.search(text)
    sockets = _SOCKET.search(text)
    status = _STATUS.search(text)
    errors = sum(map(int, sockets.groups())) if sockets else 0
    answered = _REQUESTS.search(text)
    return Load(
        int(answered[1]) if answered else 0,
        float(rate[1]) if rate else 0.0,
        latencies.get("50", 0.0),
        latencies.get("99", 0.0),
        errors + (int(status[1]) if status else 0),
    )
