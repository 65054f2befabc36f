"""Answers as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_answer(rows: Iterable[list[object]], name: str) -> Response:
    """Return rows as a file of this name to keep."""
    answer = Response(csv_text(rows), 200, content_type="text/csv; charset=utf-8; header=present")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_text(rows: Iterable[list[object]]) -> str:
    """Return rows as text in which no spreadsheet finds a formula.

    What would be one is text behind an apostrophe (OWASP, CSV Injection).
    """
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
