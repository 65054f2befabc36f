"""Answers as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask import Response

from app.formulas import guarded


def csv_answer(rows: Iterable[list[object]], name: str) -> Response:
    """Return rows as a file of this name to keep."""
    answer = Response(csv_text(rows), 200, content_type="text/csv; charset=utf-8; header=present")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def csv_text(rows: Iterable[list[object]]) -> str:
    """Return rows as text in which no spreadsheet finds a formula."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue()
