"""What a server span says of its request (OpenTelemetry semantic conventions, HTTP, stable)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry.util.http import detect_synthetic_user_agent, sanitize_method

from telemetry.context import Request
from telemetry.redact import redact_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Attributes = dict[str, str | int]
_MASK = "***"


def attributes_of(environ: WSGIEnvironment, method: str, request: object) -> Attributes:
    """Collect the attributes that are known when a request comes; `request` has ours."""
    attributes: Attributes = {
        "http.request.method": method,
        "url.scheme": environ["wsgi.url_scheme"],
    }
    get: Callable[..., Any] = environ.get
    given = environ["REQUEST_METHOD"].strip()
    if given != method:
        attributes["http.request.method_original"] = given
    if host := get("HTTP_HOST"):
        attributes["server.address"] = host
    if port := get("SERVER_PORT"):
        attributes["server.port"] = int(port)
    if get("RAW_URI") or get("REQUEST_URI"):
        if path := get("PATH_INFO"):
            # What was found to have nothing to mask need not be looked at again.
            known = getattr(request, "path", None)
            attributes["url.path"] = path if path == known else redact_path(path)
        if get("QUERY_STRING"):
            attributes["url.query"] = _MASK  # it may be anybody's secret
    if version := _version(get("SERVER_PROTOCOL", "")):
        attributes["network.protocol.version"] = version
    _add_client(attributes, get)
    if isinstance(request, Request):
        attributes["request_id"] = request.request_id
        if request.amzn_trace_id is not None:
            attributes["aws.xray.trace_header"] = request.amzn_trace_id
    return attributes


def span_name(method: str, route: str | None) -> str:
    """Return `GET /<code>`; what no route matches is named by its method alone."""
    named = "HTTP" if method == "_OTHER" else method
    return named if route is None else f"{named} {route}"


@lru_cache(maxsize=64)
def method_of(given: str) -> str:
    """Return a method that the conventions know, or `_OTHER`."""
    return sanitize_method(given).strip()


def _add_client(attributes: Attributes, get: Callable[..., Any]) -> None:
    if address := get("REMOTE_ADDR"):
        attributes["client.address"] = address
    if port := get("REMOTE_PORT"):
        attributes["client.port"] = int(port)
    if agent := get("HTTP_USER_AGENT"):
        attributes["user_agent.original"] = agent
        if synthetic := _synthetic(agent):
            attributes["user_agent.synthetic.type"] = synthetic


@lru_cache(maxsize=64)
def _version(protocol: str) -> str:
    return protocol.upper().removeprefix("HTTP/")


@lru_cache(maxsize=1024)
def _synthetic(agent: str) -> str | None:
    return detect_synthetic_user_agent(agent)
