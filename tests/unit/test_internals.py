"""The internals of libraries that docs/internals.md lists are what our code was written against."""

from __future__ import annotations

import hashlib
import inspect
import pkgutil
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "internals.md"
_ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \|", re.MULTILINE)
LEANED_ON = dict(_ROW.findall(PAGE.read_text()))
"""Where of ours each name is used, as the page says."""

_LIBRARIES = {
    "flask_cors": "flask-cors",
    "opentelemetry": "opentelemetry-sdk",
    "psycopg_pool": "psycopg-pool",
    "yoyo": "yoyo-migrations",
}

# Digests of sources, less their comments and spaces. This file, run, prints them anew.
DIGESTS = dict(
    line.split() for line in Path(__file__).with_name("internals.txt").read_text().splitlines()
)


def digest(name: str) -> str:
    """Return eight digits that change with what the function says."""
    source = inspect.getsource(inspect.unwrap(pkgutil.resolve_name(_path(name))))
    bare = re.sub(r"\s+", "", re.sub(r"(?m)^\s*#.*$", "", source))
    return hashlib.sha256(bare.encode()).hexdigest()[:8]


def _path(name: str) -> str:
    """Part the module from what is in it, as `resolve_name` wants it."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = pkgutil.resolve_name(".".join(parts[:length]))
        except (ImportError, AttributeError):
            continue
        if inspect.ismodule(found):
            return ".".join(parts[:length]) + ":" + ".".join(parts[length:])
    return name


@pytest.mark.parametrize("name", LEANED_ON)
def test_what_we_lean_on_is_as_it_was(name: str) -> None:
    package = name.partition(".")[0]
    library = _LIBRARIES.get(package, package)
    release = f"{library} {version(library)}"
    try:
        now = digest(name)
    except (AttributeError, OSError) as error:
        pytest.fail(f"{release} has no {name} any more: {error}")
    assert now == DIGESTS.get(name), (
        f"{release} has changed {name}, on which {LEANED_ON[name]} leans: see docs/internals.md"
    )


def test_the_page_and_the_digests_name_the_same() -> None:
    assert list(DIGESTS) == list(LEANED_ON)


@pytest.mark.parametrize("places", sorted(set(LEANED_ON.values())))
def test_the_places_are_there(places: str) -> None:
    for place in re.findall(r"`([^`]+)`", places):
        assert (PAGE.parents[1] / place).is_file()


if __name__ == "__main__":
    for leaned_on in LEANED_ON:
        sys.stdout.write(f"{leaned_on} {digest(leaned_on)}\n")
