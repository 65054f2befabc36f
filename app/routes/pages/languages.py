"""In which words a visitor is spoken to, and how these say when."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from string import Template
from typing import Any

import msgspec

from app.states import looked_up
from app.visitors import Environ, from_anywhere

_USUAL = "en"
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one page says: plain text, with marks for what is filled in."""

    title: str
    happened: str
    why: tuple[str, ...]
    do: tuple[str, ...]
    why_label: str | None = None
    do_label: str | None = None


class Language:
    """The words of one language; `words` as its file has them."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.tag: str = words["tag"]
        self.labels: Mapping[str, str] = words["labels"]
        self.texts = {
            kind: msgspec.convert(text, Text)
            for kind, text in words.items()
            if isinstance(text, dict) and "happened" in text
        }
        self._waits: Mapping[str, Any] = words["waits"]
        self._dates: Mapping[str, Any] = words["dates"]

    def wait(self, seconds: int) -> str:
        """Return a time in its two largest units, rounded up: come back then, and not too early."""
        for (name, size), (lesser_name, lesser) in pairwise(_UNITS):
            if seconds >= size:
                count, rest = divmod(math.ceil(seconds / lesser), size // lesser)
                if rest == 0:
                    return self._counted(name, count)
                return Template(self._waits["both"]).substitute(
                    larger=self._counted(name, count), smaller=self._counted(lesser_name, rest)
                )
        return self._counted("second", seconds)

    def date(self, moment: datetime) -> str:
        """Return a day of UTC."""
        moment = moment.astimezone(UTC)
        months: Sequence[str] = self._dates["months"]
        return Template(self._dates["date"]).substitute(
            day=moment.day, month=months[moment.month - 1], year=moment.year
        )

    def moment(self, moment: datetime) -> str:
        """Return a day and a time of UTC; where visitors are, no request tells."""
        return Template(self._dates["moment"]).substitute(
            date=self.date(moment), time=f"{moment.astimezone(UTC):%H:%M}"
        )

    def _counted(self, unit: str, count: int) -> str:
        one, many = self._waits[unit]
        return Template(one if count == 1 else many).substitute(count=count)


def _read(name: str) -> Language:
    file = files("app.routes.pages").joinpath("words", f"{name}.toml")
    return Language(tomllib.loads(file.read_text(encoding="utf-8")))


LANGUAGES = {name: _read(name) for name in ("en", "pt")}
"""By the shortest tag that stands for the language: a lookup shortens what is asked for."""


def language_of(environ: Environ) -> Language:
    """Return the language that suits a visitor best (RFC 4647, section 3.4), else English."""
    wanted = from_anywhere(environ).languages
    return LANGUAGES[looked_up(wanted, LANGUAGES) or _USUAL]
