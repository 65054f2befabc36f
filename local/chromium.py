"""Which Chromium there is."""

from __future__ import annotations

import shutil

MISSING = "Chromium is not installed (Debian: apt-get install chromium-headless-shell)"
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The shell is the same engine without the window that nobody sees: a third of the CPU."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, the one that takes least; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)
