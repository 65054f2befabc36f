"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def part_of(target: Path) -> Path:
    """Return where a file is written until it is whole."""
    return target.with_name(target.name + ".part")


def write_whole(target: Path, content: bytes) -> None:
    """Write a file beside, then put it in place of what was there. Raise OSError."""
    part = part_of(target)
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def write_secret(target: Path, text: str) -> None:
    """Write a new file that nobody else can read from its first byte on. Raise OSError."""
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
