"""Which service, and as whom: from the environment, or a file that nobody else can read."""

from __future__ import annotations

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomlkit
from tomlkit.exceptions import TOMLKitError

from shorten.errors import Failure, WrongConfiguration

URL, API_KEY, TOKEN, CONFIG = (
    "SHORTENER_URL",
    "SHORTENER_API_KEY",
    "SHORTENER_TOKEN",
    "SHORTENER_CONFIG",
)
"""Variables of the environment; they win over the file."""

_SECRET = re.compile(r"[!-~]{1,4096}")
_LARGEST = 64 * 1024
_NAMES = ("url", "api_key", "token")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What shows who asks."""

    kind: str
    """`key` or `token`."""
    origin: str
    """Where it comes from, for messages."""
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the environment and the file say together."""

    path: Path
    url: str | None
    credentials: Credentials | None
    kept_url: str | None = None
    """The address that the file names."""
    keeps_key: bool = False
    """Whether the file holds a key."""


def usual_path(environment: Mapping[str, str]) -> Path:
    """Return where the file is, by the XDG Base Directory Specification."""
    given = environment.get(CONFIG)
    if given:
        return Path(given).expanduser()
    home = environment.get("XDG_CONFIG_HOME", "")
    # The specification: a relative path is to be ignored.
    base = Path(home) if home.startswith("/") else Path("~/.config").expanduser()
    return base / "shortener" / "config.toml"


def load(environment: Mapping[str, str], path: Path, url: str | None = None) -> Configuration:
    """Read both; `url` of the command line wins. Raise WrongConfiguration.

    What the file holds belongs to the file's own service and is sent to no other.
    """
    kept = _read(path)
    own = kept.get("url")
    own = None if own is None else checked_url(own, str(path))
    named = url or environment.get(URL, "").strip()
    chosen = checked_url(named, "--url" if url else URL) if named else own
    found = _found(environment, path, kept if chosen == own else {})
    return Configuration(path, chosen, found, own, "api_key" in kept)


def _found(
    environment: Mapping[str, str], path: Path, kept: Mapping[str, str]
) -> Credentials | None:
    for name, kind in ((API_KEY, "key"), (TOKEN, "token")):
        secret = environment.get(name, "").strip()
        if secret:
            return _credentials(kind, name, secret)
    for name, kind in (("api_key", "key"), ("token", "token")):
        if name in kept:
            return _credentials(kind, str(path), kept[name])
    return None


def checked_url(text: str, origin: str) -> str:
    """Return the service's address without a slash at the end; raise WrongConfiguration."""
    text = text.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", text):
        raise WrongConfiguration(f"{origin} is no address such as https://short.example")
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongConfiguration(f"{origin} must hold an address only: no password, no query")
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def is_private(url: str) -> bool:
    """Tell whether what is sent there can be read by nobody on the way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def keep(path: Path, changes: Mapping[str, str | None]) -> None:
    """Change the file, None takes away; its comments stay. Raise Failure.

    The new file is there at once and whole, of mode 600 from its first byte.
    """
    _read(path)  # one that others can read, or is no TOML, is refused here too
    if not path.exists() and not any(changes.values()):
        return
    target = Path(os.path.realpath(path))  # a link to a file kept elsewhere stays a link
    try:
        text = target.read_text(encoding="utf-8") if target.exists() else ""
        document = tomlkit.parse(text)
        for name, value in changes.items():
            if value is not None:
                document[name] = value
            elif name in document:
                del document[name]
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(target, tomlkit.dumps(document))
    except (OSError, TOMLKitError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no TOML"
        raise Failure(f"{path} cannot be written: {reason}") from None


def _replace(target: Path, text: str) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, prefix=".config-")  # of mode 600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            _check_mode(path, os.fstat(file.fileno()))
            content = tomllib.loads(file.read(_LARGEST).decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WrongConfiguration(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The reader's own words would quote a piece of the file.
        raise WrongConfiguration(f"{path} is no TOML: look for a missing quote") from None
    return _checked(path, content)


def _check_mode(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise WrongConfiguration(f"{path} is not a file")
    if found.st_uid not in {os.geteuid(), 0}:
        raise WrongConfiguration(f"{path} belongs to somebody else, who could change it")
    if found.st_mode & 0o077:
        raise WrongConfiguration(
            f"{path} holds secrets, and others can read it (mode {found.st_mode & 0o777:o})",
            hint=f"chmod 600 {path}",
        )


def _checked(path: Path, content: Mapping[str, Any]) -> dict[str, str]:
    unknown = sorted(set(content) - {*_NAMES})
    if unknown:
        known = ", ".join(_NAMES)
        raise WrongConfiguration(f"{path} has {unknown[0]!r}, which means nothing; known: {known}")
    for name, value in content.items():
        if not isinstance(value, str) or not value.strip():
            raise WrongConfiguration(f"{name} in {path} must be a text in quotes")
    return {name: value.strip() for name, value in content.items()}


def _credentials(kind: str, origin: str, secret: str) -> Credentials:
    if not _SECRET.fullmatch(secret):
        raise WrongConfiguration(f"the {kind} in {origin} has characters that no {kind} has")
    return Credentials(kind, origin, secret)
