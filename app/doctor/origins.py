"""Whether CORS lets in the frontend and nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.config import PRODUCTION_ORIGIN
from app.doctor.findings import Finding, Progress, fail, ok, warn
from app.doctor.situation import Situation

ROW = "cors"
_THEN = "Set CORS_ALLOWED_ORIGINS in task-definition.json, then release (docs/operations.md)"


def check_origins(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Judge the exact origins; anything goes on a developer's machine."""
    del progress
    unusable = situation.unusable(ROW, "CORS_ALLOWED_ORIGINS", "ENV", "GO_ENV")
    if unusable:
        yield unusable
        return
    origins = situation.settings.cors_origins
    shown = "any origin" if origins == ("*",) else ", ".join(origins)
    wrong = [] if situation.local else [text for origin in origins for text in _wrong(origin)]
    if wrong:
        cause = "a developer's value got into the deployment"
        # Only production has users whose browsers could be turned against them.
        row = fail if situation.production else warn
        yield row(ROW, "; ".join(wrong), cause, _THEN)
    elif situation.production and PRODUCTION_ORIGIN not in origins:
        found = f"{shown}: without {PRODUCTION_ORIGIN}"
        yield warn(ROW, found, "browsers on the frontend's own origin are refused", _THEN)
    else:
        yield ok(ROW, f"allowed: {shown}")


def _wrong(origin: str) -> Iterator[str]:
    parts = urlsplit(origin)
    if origin == "*":
        yield "any origin is allowed"
    elif _is_local(parts.hostname or ""):
        yield f"{origin} is a developer's machine"
    elif parts.scheme != "https":
        yield f"{origin} is not https: whoever is on the way can speak in its name"


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".test")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host
