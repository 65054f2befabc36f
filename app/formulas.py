"""Text that no spreadsheet takes for a formula, and the way back (OWASP, CSV Injection)."""

from __future__ import annotations

import re

# An apostrophe in front makes text of it. What begins so by itself gets one more, or the way back
# would take its own.
_HARMFUL = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    """Return text that is no formula."""
    return f"'{text}" if _HARMFUL.match(text) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given."""
    return text[1:] if _GUARDED.match(text) else text
