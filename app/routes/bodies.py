"""How request bodies are read."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from flask import Request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from app.model.errors import ServiceError, UnsupportedMediaType

LONGEST = 128 * 1024
"""Bytes; the longest target has 8,192 characters, of which JSON may need twelve bytes each."""

T = TypeVar("T")


class BodyReader(Generic[T]):
    """Read JSON objects of one type; what is not one becomes `refusal` with the reason."""

    def __init__(self, kind: type[T], refusal: type[ServiceError]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._refusal = refusal

    def read(self, request: Request) -> T:
        """Return the body; raise UnsupportedMediaType, an HTTPException or the refusal."""
        media_type = request.mimetype
        if media_type and media_type != "application/json" and not media_type.endswith("+json"):
            raise UnsupportedMediaType("the body must be application/json")
        try:
            return self._decoder.decode(_content(request))
        except msgspec.ValidationError as error:
            raise self._refusal(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._refusal("the body is not JSON in UTF-8") from None
        except RecursionError:
            raise self._refusal("the body is nested too deeply") from None


def _content(request: Request) -> bytes:
    try:
        content = request.get_data(cache=False)
    except HTTPException:
        raise
    except Exception:  # noqa: BLE001 - what the server raises for malformed chunks is its own
        raise BadRequest from None
    if request.content_length is None and len(content) >= LONGEST:
        # Werkzeug cuts a body in chunks at MAX_CONTENT_LENGTH and says nothing.
        raise RequestEntityTooLarge
    return content
