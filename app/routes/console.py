"""`/console`: a page to work with, made of the files in `app/console/`."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath

from flask import Blueprint, Request, Response, request

from app.model.errors import NotFound
from app.storage.rate_limits import RateLimits

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup or script."""
PAGE = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_VERSION = b"{version}"
"""Stands in the page for the folder that its files lie in."""
_ASKED_EACH_TIME = "no-cache"
_KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """A file as it is sent, plain and packed, each with a strong ETag of its own."""

    media_type: str
    plain: bytes
    packed: bytes
    digest: str

    def answer(self, asked: Request, kept: str) -> Response:
        """Return the file as the client takes it, or that it has it already."""
        packs = asked.accept_encodings.quality("gzip") > 0
        answer = Response(self.packed if packs else self.plain, content_type=self.media_type)
        if packs:
            answer.headers["Content-Encoding"] = "gzip"
        answer.set_etag(f"{self.digest}-gzip" if packs else self.digest)
        answer.headers["Cache-Control"] = kept
        answer.headers["Vary"] = "Accept-Encoding"
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.make_conditional(asked.environ)
        return answer


@dataclass(frozen=True, slots=True)
class ConsoleFiles:
    """All files by name, and the digest of all."""

    version: str
    by_name: dict[str, ConsoleFile]


def console_files() -> ConsoleFiles:
    """Read and pack what the page is made of."""
    contents = {
        each.name: each.read_bytes()
        for each in sorted(files("app.console").iterdir(), key=lambda each: each.name)
        if PurePath(each.name).suffix in _TYPES
    }
    whole = hashlib.sha256()
    for name, content in contents.items():
        whole.update(f"{name} {len(content)} ".encode() + content)
    version = whole.hexdigest()[:12]
    contents[PAGE] = contents[PAGE].replace(_VERSION, version.encode())
    return ConsoleFiles(version, {name: _file(name, each) for name, each in contents.items()})


def console_blueprint(limits: RateLimits, *, enabled: bool) -> Blueprint:
    """Return the routes; NotFound for all of them where the page is switched off."""
    blueprint = Blueprint("console", __name__, url_prefix="/console")
    prepared = console_files() if enabled else ConsoleFiles("", {})

    def found(name: str) -> ConsoleFile:
        limits.resolve(request.remote_addr)
        if name not in prepared.by_name:
            raise NotFound
        return prepared.by_name[name]

    @blueprint.get("/", strict_slashes=False)
    def show() -> Response:
        return found(PAGE).answer(request, _ASKED_EACH_TIME)

    @blueprint.get("/<version>/<name>")
    def part(version: str, name: str) -> Response:
        # While a deploy goes on, a page of one version may ask another for its files.
        kept = _KEPT if version == prepared.version else _ASKED_EACH_TIME
        return found(name).answer(request, kept)

    return blueprint


def _file(name: str, content: bytes) -> ConsoleFile:
    return ConsoleFile(
        media_type=_TYPES[PurePath(name).suffix],
        plain=content,
        packed=gzip.compress(content, compresslevel=9, mtime=0),
        digest=hashlib.sha256(content).hexdigest()[:32],
    )
