"""QR codes in the terminal (ISO/IEC 18004)."""

from __future__ import annotations

import io

import segno
from rich.text import Text

from shorten.output import Output

_SCAN = "?qr"
"""Behind the short URL; the service counts such a visit as a scan."""


def show(output: Output, short_url: str, *, level: str = "M", inverted: bool = False) -> None:
    """Draw the code of a short URL, two rows of modules on each line."""
    code = segno.make(short_url + _SCAN, error=level, micro=False, boost_error=False)
    drawn = io.StringIO()
    code.terminal(out=drawn, border=2, compact=True)
    # Readers look for dark on light, so both are set where colours may be; else the terminal is
    # taken to be dark, unless it was said to be light.
    coloured = output.console.is_terminal and not output.console.no_color
    text = drawn.getvalue().rstrip("\n")
    if not output.has_blocks:
        text = _in_ascii(code)
    elif inverted and not coloured:
        text = text.translate(str.maketrans("█▀▄ ", " ▄▀█"))
    output.show(Text(text, style="bright_white on black" if coloured else ""))


def _in_ascii(code: segno.QRCode) -> str:
    rows = code.matrix_iter(border=2)
    return "\n".join("".join("  " if dark else "##" for dark in row) for row in rows)
