"""The stylesheets of pages: kept in files, sent inside the page, allowed by their digest."""

from __future__ import annotations

import re
from importlib.resources import files

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BREAK = re.compile(r"\s*\n\s*")


def stylesheet(*names: str) -> str:
    """Return files below `app/routes`, one after another, without comments and line breaks."""
    folder = files("app.routes")
    text = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
    return _BREAK.sub("", _COMMENT.sub("", text))
