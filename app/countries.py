"""Codes of countries (ISO 3166-1 alpha-2), as the time zone database lists them (tzdata)."""

from __future__ import annotations

from functools import cache
from importlib import resources

_MORE = frozenset({"XK"})
"""Kosovo: no code of the standard, and what MaxMind's files and CDNs tell of its visitors."""


def is_country(code: str) -> bool:
    """Tell whether some visitor may come from there: `code` in any case. `UK` is none, `GB` is."""
    return code.isascii() and code.upper() in _codes()


@cache
def _codes() -> frozenset[str]:
    lines = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    rows = (line.split("\t") for line in lines.splitlines() if not line.startswith("#"))
    return _MORE.union(row[0] for row in rows)
