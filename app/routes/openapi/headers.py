"""The headers of answers, described once."""

from __future__ import annotations

from typing import Any


def _header(
    description: str, *, required: bool = False, kind: str = "string", **more: Any
) -> dict[str, Any]:
    return {
        "description": description,
        "required": required,
        "schema": {"type": kind, **more},
    }


HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": _header(
        "The request's own, if it is well-formed, else one that was made; in every log line",
        required=True,
        pattern="^[A-Za-z0-9._-]{1,128}$",
    ),
    "X-Content-Type-Options": _header("Browsers do not guess", required=True, const="nosniff"),
    "X-Frame-Options": _header("Never inside a frame", required=True, const="DENY"),
    "Content-Security-Policy": _header("Nothing is loaded or run", required=True),
    "Strict-Transport-Security": _header("Over TLS: browsers come back over TLS only"),
    "Cache-Control": _header("How long an answer may be kept; mostly not at all"),
    "Vary": _header("What else an answer depends on"),
    "Access-Control-Allow-Origin": _header("CORS: the request's origin, if it is allowed"),
    "Access-Control-Expose-Headers": _header("CORS: what a script may read"),
    "Cache-Hit": _header("Whether a cache knew the link", required=True, enum=["true", "false"]),
    "Location": _header("The target, percent-encoded", required=True, format="uri-reference"),
    "Referrer-Policy": _header("What the next site learns of this one", required=True),
    "Content-Language": _header("The language of a page", enum=["en", "pt-BR"]),
    "Referrer-Policy-Of-Pages": _header("`Referrer-Policy` of a page", const="no-referrer"),
    "Content-Encoding": _header("gzip, for who takes it", const="gzip"),
    "Content-Disposition": _header("The name of the file to keep", required=True),
    "X-Total-Links": _header(
        "How many links follow: exactly up to 10,000, else about", required=True, kind="integer"
    ),
    "Upload-Offset": _header("The next byte that is wanted", required=True, kind="integer"),
    "ETag": _header("For If-None-Match", required=True),
    "Retry-After": _header(
        "Seconds after which trying again helps", required=True, pattern="^[1-9][0-9]*$"
    ),
    "Retry-After-Known": _header(
        "`Retry-After`: seconds, where it is known when", pattern="^[1-9][0-9]*$"
    ),
    "X-RateLimit-Limit": _header("Requests in a window", required=True, pattern="^[1-9][0-9]*$"),
    "X-RateLimit-Window": _header("Seconds of a window", required=True, pattern="^[1-9][0-9]*$"),
    "WWW-Authenticate": _header("RFC 6750", required=True, const="Bearer"),
    "Allow": _header("The methods of this path", required=True),
}

EVERYWHERE = (
    "X-Request-ID",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "Cache-Control",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
)


def references(*names: str) -> dict[str, dict[str, str]]:
    """Return the headers of an answer: those of every answer and `names`."""
    return {
        name: {"$ref": f"#/components/headers/{name}"} for name in dict.fromkeys(EVERYWHERE + names)
    }


def page_references() -> dict[str, dict[str, str]]:
    """Return the headers that an answer has where it is a page."""
    return {
        "Content-Language": {"$ref": "#/components/headers/Content-Language"},
        "Referrer-Policy": {"$ref": "#/components/headers/Referrer-Policy-Of-Pages"},
    }
