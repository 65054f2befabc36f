"""Rows that say what another row only shows the consequence of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.doctor.findings import Finding, Status

POSTGRESQL = ("postgresql", "session", "schema", "connections", "writes", "requests", "locks")
REDIS = ("redis",)
TELEMETRY = ("collector traces", "collector metrics", "loki push")


def troubled(rows: Mapping[str, Finding], names: Sequence[str], status: Status) -> list[str]:
    """Return those of the rows that have this status."""
    return [name for name in names if name in rows and rows[name].status == status]


def guilty(rows: Mapping[str, Finding], names: Sequence[str]) -> list[str]:
    """Return the rows that fail; of Redis and telemetry, where none does, those that warn.

    What PostgreSQL's rows warn of, such as a connection without TLS, refuses nobody anything.
    """
    failing = troubled(rows, names, Status.FAIL)
    warning = [name for name in troubled(rows, names, Status.WARN) if name not in POSTGRESQL]
    return failing or warning


def who_says_why(names: Sequence[str]) -> str:
    """Say which rows have the cause: `the rows writes and locks say why`."""
    return f"the row {names[0]} says why" if len(names) == 1 else f"the rows {_all(names)} say why"


def do_what(names: Sequence[str]) -> str:
    """Return the step that does what these rows advise."""
    if len(names) == 1:
        return f"Do what the row {names[0]} advises"
    return f"Do what the rows {_all(names)} advise"


def _all(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
