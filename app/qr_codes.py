"""QR codes (ISO/IEC 18004) as pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import segno

from app.model.errors import InvalidQuery

SMALLEST, LARGEST = 64, 1024
"""Pixels."""
WIDEST_MARGIN = 20
"""Modules; the standard asks for four."""
LEVELS = ("L", "M", "Q", "H")
NO_COLOUR = "none"

_COLOUR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

Kind = Literal["svg", "png"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks."""

    size: int = 300
    """Pixels; a PNG has the largest whole number of them for each module."""
    margin: int = 4
    level: str = "M"
    """How much may be damaged: 7, 15, 25 or 30 %."""
    dark: str = "#000000"
    light: str = "#ffffff"
    """`none` is transparent."""


def look(given: Mapping[str, str]) -> Look:
    """Read the parameters of a query; raise InvalidQuery."""
    usual = Look()
    level = given.get("level", usual.level).upper()
    if level not in LEVELS:
        raise InvalidQuery(f"level must be one of {', '.join(LEVELS)}")
    dark = _colour("dark", given.get("dark", usual.dark))
    light = given.get("light", usual.light)
    if light.lower() != NO_COLOUR:
        light = _colour("light", light)
    if dark == light:
        raise InvalidQuery("dark and light must differ")
    return Look(
        size=_number("size", given.get("size"), usual.size, SMALLEST, LARGEST),
        margin=_number("margin", given.get("margin"), usual.margin, 0, WIDEST_MARGIN),
        level=level,
        dark=dark,
        light=light.lower(),
    )


@lru_cache(maxsize=64)
def picture(content: str, kind: Kind, style: Look) -> bytes:
    """Return a picture that holds `content`."""
    code = segno.make(content, error=style.level, micro=False, boost_error=False)
    modules, _ = code.symbol_size(scale=1, border=style.margin)
    light = None if style.light == NO_COLOUR else style.light
    written = io.BytesIO()
    if kind == "png":
        code.save(
            written,
            kind=kind,
            scale=max(1, style.size // int(modules)),
            border=style.margin,
            dark=style.dark,
            light=light,
        )
    else:
        code.save(
            written,
            kind=kind,
            border=style.margin,
            dark=style.dark,
            light=light,
            xmldecl=False,
            nl=False,
            omitsize=True,
        )
        # The size goes beside the box of modules: scaled by a fraction, segno cuts the background.
        size = f'<svg width="{style.size}" height="{style.size}" '.encode()
        return written.getvalue().replace(b"<svg ", size, 1)
    return written.getvalue()


def _number(name: str, text: str | None, usual: int, low: int, high: int) -> int:
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and low <= int(text) <= high):
        raise InvalidQuery(f"{name} must be a number from {low} to {high}")
    return int(text)


def _colour(name: str, text: str) -> str:
    match = _COLOUR.fullmatch(text)
    if match is None:
        raise InvalidQuery(f"{name} must be a colour such as 1a2b3c")
    digits = match[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))
