"""SQL with named parameters, turned once into what PostgreSQL itself takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"%\((\w+)\)s")


class Statement:
    """One statement; written with `%(name)s`, sent with `$1`.

    One that is not `prepared` is planned anew for the values of each time: a plan for any value
    would be one for an owner of two links, and be used for one who has a million.
    """

    __slots__ = ("_names", "prepare", "text")

    def __init__(self, text: str, *, prepared: bool = True) -> None:
        # None: after some uses, as psycopg does by itself.
        self.prepare = None if prepared else False
        self._names = tuple(dict.fromkeys(_NAME.findall(text)))
        places = {name: f"${place}" for place, name in enumerate(self._names, 1)}
        self.text = _NAME.sub(lambda match: places[match[1]], text)

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """Return the values in the order of their places; KeyError if one is missing."""
        return [parameters[name] for name in self._names]
