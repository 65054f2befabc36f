"""SQL with named parameters, turned once into what PostgreSQL itself takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"%\((\w+)\)s")


class Statement:
    """One statement; written with `%(name)s`, sent with `$1`."""

    __slots__ = ("_names", "text")

    def __init__(self, text: str) -> None:
        self._names = tuple(dict.fromkeys(_NAME.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self._names, 1)}
        self.text = _NAME.sub(lambda match: places[match[1]], text)

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """Return the values in the order of their places; KeyError if one is missing."""
        return [parameters[name] for name in self._names]
