"""How request bodies are read."""

from __future__ import annotations

from typing import Generic, TypeVar

import flask
import msgspec
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.model.errors import ForeignOrigin, ServiceError, UnsupportedMediaType
from app.routes.origins import Origins

LONGEST = 128 * 1024
"""Bytes; the longest target has 8,192 characters, of which JSON may need twelve bytes each."""
_USUAL = "application/json"
_JSON = frozenset({_USUAL, "text/json"})
_UNASKED = frozenset({"text/plain", "application/x-www-form-urlencoded"})
"""What `curl -d` and the like declare. A browser sends these across sites without a preflight
(Fetch, section 2.2.2), and so it does with a Blob that declares nothing."""
_NEEDED = "the body must be application/json"

T = TypeVar("T")


class Request(flask.Request):
    """A request whose body is bounded; a view that takes longer ones sets its own bound.

    Flask would look for the bound in the configuration, four times for each body.
    """

    max_content_length: int = LONGEST


class BodyReader(Generic[T]):
    """Read JSON objects of one type; what is not one becomes `refusal` with the reason.

    Of a struct, names of fields are taken in any case, as Go's encoding/json took them; the exact
    one wins.
    """

    def __init__(self, kind: type[T], refusal: type[ServiceError], origins: Origins) -> None:
        self._names = frozenset(getattr(kind, "__struct_encode_fields__", ()))
        self._members = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._decoder = msgspec.json.Decoder(kind)
        self._refusal = refusal
        self._origins = origins

    def read(self, request: flask.Request) -> T:
        """Return the body.

        Errors: UnsupportedMediaType, ForeignOrigin, an HTTPException or the refusal.
        """
        unasked = self._is_unasked(request)
        try:
            return self._decoder.decode(self._named(content(request)))
        except msgspec.ValidationError as error:
            raise self._refusal(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            if unasked:
                raise UnsupportedMediaType(_NEEDED) from None
            raise self._refusal("the body is not JSON in UTF-8") from None
        except RecursionError:
            raise self._refusal("the body is nested too deeply") from None
        except RequestEntityTooLarge:
            if unasked:
                raise UnsupportedMediaType(_NEEDED) from None
            raise

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
    """Return a body as it came; raise an HTTPException for one that is too long or broken."""
    longest = request.max_content_length or LONGEST
    announced = request.content_length or 0
    if announced > longest:
        raise RequestEntityTooLarge
    try:
        # The server ends it (`wsgi.input_terminated`), whatever length was announced.
        body: bytes = request.environ["wsgi.input"].read(longest + 1)
    except Exception:  # noqa: BLE001 - what the server raises for malformed chunks is its own
        raise BadRequest from None
    if len(body) > longest:
        raise RequestEntityTooLarge
    if len(body) < announced:
        # Cut off, and incomplete (RFC 9112, section 6.3), whatever the part that came says.
        raise BadRequest
    return body
