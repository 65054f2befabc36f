"""Numbers that commands take as arguments."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

_DIGITS = re.compile("[0-9]{1,18}")


def between(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number of decimal digits that lies between two, both included."""

    def read(text: str) -> int:
        number = int(text) if _DIGITS.fullmatch(text) else None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of {least} to {most}")
        return number

    return read
