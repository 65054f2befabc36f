"""How request bodies are read."""

from __future__ import annotations

from typing import Generic, TypeVar

import flask
import msgspec
from werkzeug.exceptions import BadRequest

from app.model.errors import ForeignOrigin, PayloadTooLarge, ServiceError, UnsupportedMediaType
from app.nesting import DEEPEST, is_too_deep
from app.routes.origins import Origins

LONGEST = 128 * 1024
"""Bytes; the longest target has 8,192 characters, of which JSON may need twelve bytes each."""
LONGEST_OF_OWNERS = 2 << 20
"""Bytes of what somebody with an account sends of links: many of them, or one with 20 rules.

All 21 targets of a link and its conditions need 1.25 MB where JSON escapes each character: at most
6 bytes for one of ASCII, and `targets.LONGEST_SENT` bounds the others.
"""
_USUAL = "application/json"
_JSON = frozenset({_USUAL, "text/json"})
_UNASKED = frozenset({"text/plain", "application/x-www-form-urlencoded"})
"""What `curl -d` and the like declare. A browser sends these across sites without a preflight
(Fetch, section 2.2.2), and so it does with a Blob that declares nothing."""
_NEEDED = "the body must be application/json"
_UNKNOWN_NAME = "contains unknown field"
"""What msgspec says of a name that a struct forbids: it has no type of its own for that."""

T = TypeVar("T")


class Request(flask.Request):
    """A request whose body is bounded; a view that takes longer ones sets its own bound.

    Flask would look for the bound in the configuration, four times for each body.
    """

    max_content_length: int = LONGEST


class BodyReader(Generic[T]):
    """Read JSON objects of one type; what is not one becomes `refusal` with the reason.

    Of a struct, names of fields are taken in any case, as Go's encoding/json took them; the exact
    one wins. A name that a struct further inside does not know, where that forbids such names,
    becomes `unknown`. What has more levels than `deepest` is refused.
    """

    def __init__(
        self,
        kind: type[T],
        refusal: type[ServiceError],
        origins: Origins,
        *,
        unknown: type[ServiceError] | None = None,
        deepest: int = DEEPEST,
    ) -> None:
        self._names = frozenset(getattr(kind, "__struct_encode_fields__", ()))
        self._members = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._decoder = msgspec.json.Decoder(kind)
        self._refusal = refusal
        self._unknown = unknown or refusal
        self._deepest = deepest
        self._origins = origins

    def read(self, request: flask.Request) -> T:
        """Return the body.

        Errors: UnsupportedMediaType, ForeignOrigin, PayloadTooLarge, an HTTPException, or those of
        `read_part`.
        """
        unasked = self._is_unasked(request)
        try:
            return self._decode(content(request), "body")
        except (msgspec.DecodeError, UnicodeDecodeError):
            if unasked:
                raise UnsupportedMediaType(_NEEDED) from None
            raise self._refusal("the body is not JSON in UTF-8") from None
        except PayloadTooLarge:
            if unasked:
                raise UnsupportedMediaType(_NEEDED) from None
            raise

    def read_part(self, part: bytes | msgspec.Raw, noun: str) -> T:
        """Return a part of a body as `read` would return it alone; `noun` says what it is.

        Errors: the refusal, or what stands for unknown names.
        """
        try:
            return self._decode(bytes(part), noun)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._refusal(f"the {noun} is not JSON in UTF-8") from None

    def _decode(self, content: bytes, noun: str) -> T:
        """Return what JSON says; raise a refusal, or what tells that it is no JSON."""
        if is_too_deep(content, self._deepest):
            raise self._refusal(f"the {noun} is nested too deeply")
        try:
            return self._decoder.decode(self._named(content))
        except msgspec.ValidationError as error:
            refused = self._unknown if _UNKNOWN_NAME in str(error) else self._refusal
            raise refused(str(error)) from None

    def _is_unasked(self, request: flask.Request) -> bool:
        """Tell whether the body is declared to be something else, and is taken if it is JSON."""
        if request.environ.get("CONTENT_TYPE") == _USUAL:
            return False
        media_type = request.mimetype
        if media_type in _JSON or media_type.endswith("+json"):
            return False
        if media_type and media_type not in _UNASKED:
            raise UnsupportedMediaType(_NEEDED)
        if self._origins.are_foreign_to(request):
            raise ForeignOrigin(f"from there {_NEEDED}")
        return media_type != ""

    def _named(self, content: bytes) -> bytes:
        """Return the object with the names of our fields where it spells them otherwise."""
        if not self._names:
            return content
        members = self._members.decode(content)
        if members.keys() <= self._names:
            return content
        named = {self._name(given): value for given, value in members.items()}
        return msgspec.json.encode(
            named | {name: members[name] for name in self._names & members.keys()}
        )

    def _name(self, given: str) -> str:
        folded = given.casefold()
        # Go folds letter by letter: its names keep their length.
        return folded if folded in self._names and len(folded) == len(given) else given


def content(request: flask.Request) -> bytes:
    """Return a body as it came; raise PayloadTooLarge, or an HTTPException for a broken one."""
    longest = request.max_content_length or LONGEST
    announced = request.content_length or 0
    if announced > longest:
        raise PayloadTooLarge(longest)
    try:
        # The server ends it (`wsgi.input_terminated`), whatever length was announced.
        body: bytes = request.environ["wsgi.input"].read(longest + 1)
    except Exception:  # noqa: BLE001 - what the server raises for malformed chunks is its own
        raise BadRequest from None
    if len(body) > longest:
        raise PayloadTooLarge(longest)
    if len(body) < announced:
        # Cut off, and incomplete (RFC 9112, section 6.3), whatever the part that came says.
        raise BadRequest
    return body
