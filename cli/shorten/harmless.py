"""Text of others, made harmless for a terminal.

A title or a target may hold what moves the cursor, changes the window's title, or turns the order
of what is read around (CVE-2021-42574). JSON for scripts stays exact: the same characters are
written as its own escapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

# C0, DEL and C1; marks and overrides of direction; what is invisible; lone surrogates; the tag
# characters. Zero-width joiners stay: emoji, Persian and Indic scripts need them.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(text: object) -> str:
    r"""Return the text with each harmful character as an escape such as \x1b or \u202e."""
    return _HARMFUL.sub(_escaped, str(text))


def harmless_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that means exactly the value and holds no harmful character."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if indent is None:
        return _HARMFUL.sub(_json_escaped, text)
    return "\n".join(_HARMFUL.sub(_json_escaped, line) for line in text.split("\n"))


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
