"""Headers by which browsers and caches do no more than they should (docs/security.md).

Each is decided in docs/decisions/0007-security.md.
"""

from __future__ import annotations

import base64
import hashlib

STANDARD = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
"""On every answer."""
POLICY = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
"""On every answer that brings no policy of its own (OWASP REST Security Cheat Sheet)."""
NO_STORE = ("Cache-Control", "no-store")
"""On every answer that does not say how it may be cached, but redirects (RFC 9111, section 4.2.2).

A 404 may be kept by default, and then hides the link that is made a moment later.
"""
TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
"""On every answer to a request that came over TLS (RFC 6797, section 7.2)."""
REDIRECT_REFERRER = "strict-origin-when-cross-origin"
"""The target learns on which site its link was clicked, never on which page."""


def complete(status: str, headers: list[tuple[str, str]], *, tls: bool) -> None:
    """Add to the headers of an answer what is missing."""
    policy, cached = False, status[0] == "3"
    for name, _ in headers:
        if name == "Content-Security-Policy":
            policy = True
        elif name == "Cache-Control":
            cached = True
    headers += STANDARD
    if not policy:
        headers.append(POLICY)
    if not cached:
        headers.append(NO_STORE)
    if tls:
        headers.append(TRANSPORT)


def page_headers(style: str) -> dict[str, str]:
    """Return what a page needs that has one style element and loads nothing."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        # The address holds a code, and a code is all one needs to know of a link.
        "Referrer-Policy": "no-referrer",
    }
