"""Keep what a terminal or an editor would obey out of what is printed.

JSON escapes C0 alone (RFC 8259, section 7). U+007F to U+009F are control characters too, U+2028 and
U+2029 end lines, and format characters turn the direction of a text round or cannot be seen:
whoever reads a log in a terminal sees something else than what stands there. Escaped they are the
same JSON.
"""

from __future__ import annotations

import re

# Cc, Zl, Zp and Cf of Unicode 17; the whole of plane 14 that Unicode keeps for the like; what is
# not assigned in between; and surrogates, which stand alone where they stand at all.
_OBEYED = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


def escape_json(json: bytes) -> bytes:
    r"""Return the same JSON with such characters as `\uXXXX`."""
    if json.isascii() and b"\x7f" not in json:
        return json
    return _OBEYED.sub(_escaped, json.decode()).encode()


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(rf"\u{units[place : place + 4]}" for place in range(0, len(units), 4))
