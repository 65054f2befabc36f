"""The WSGI layer around the application: one "Request completed" for every request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import Context, attach

from telemetry.context import Request, current_request
from telemetry.logs import LogPipeline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from telemetry.server_spans import ServerSpans

REQUEST_KEY = "telemetry.request"
FIELDS_KEY = "telemetry.fields"
"""Under this key of its environment the application may leave fields for the line of a refusal."""
_NO_CONTEXT = Context()
_SCHEMES = frozenset({"http", "https"})


class Observe(Protocol):
    """Records an answer that was given without the application, as if it had given it."""

    def __call__(
        self, environ: WSGIEnvironment, route: str, status: str, body: Iterable[bytes], began: float
    ) -> Iterable[bytes]:
        """Return the body, to be closed when it is sent; `began` as of `perf_counter`."""


def unobserved(
    environ: WSGIEnvironment,  # noqa: ARG001
    route: str,  # noqa: ARG001
    status: str,  # noqa: ARG001
    body: Iterable[bytes],
    began: float,  # noqa: ARG001
) -> Iterable[bytes]:
    """Record nothing."""
    return body


class RequestLog:
    """Puts the request into the thread's context and logs it when its answer is through.

    The line is written when the server closes the body: after the last byte was handed to the
    kernel, and also when the client hung up before.
    """

    def __init__(
        self, app: WSGIApplication, pipeline: LogPipeline, spans: ServerSpans | None = None
    ) -> None:
        self._app = app
        self._pipeline = pipeline
        self._spans = spans

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get("wsgi.url_scheme") not in _SCHEMES:
            environ["wsgi.url_scheme"] = "http"  # a proxy's header: it becomes a metric's attribute
        request = environ[REQUEST_KEY] = Request(environ)
        current_request.set(request)
        # What an earlier request may have left on this thread must not become our parent.
        attach(_NO_CONTEXT)

        def start(status: str, *rest: Any) -> Any:
            request.status = int(status[:3])
            request.fields = environ.get(FIELDS_KEY)
            return start_response(status, *rest)

        try:
            body = self._app(environ, start)
        except BaseException:
            request.status = 500
            self._finish(request)
            raise
        return _Body(body, request, self._finish)

    def observe(
        self, environ: WSGIEnvironment, route: str, status: str, body: Iterable[bytes], began: float
    ) -> Iterable[bytes]:
        """Record an answer that was given without the application; return its body.

        `began`, as of `perf_counter`, is when the request came; the line is written when the
        server closes the body.
        """
        if environ.get("wsgi.url_scheme") not in _SCHEMES:
            environ["wsgi.url_scheme"] = "http"
        request = Request(environ)
        request.started = began
        request.status = int(status[:3])
        if self._spans is not None:
            current_request.set(request)  # what the SDK may log of its headers
            self._spans.answered(environ, request, route)
            current_request.set(None)
        return _Body(body, request, self._finish)

    def _finish(self, request: Request) -> None:
        self._pipeline.completed(request, perf_counter() - request.started)
        current_request.set(None)


class _Body:
    """A response's body that says when it is closed."""

    __slots__ = ("_body", "_finish", "_request")

    def __init__(
        self, body: Iterable[bytes], request: Request, finish: Callable[[Request], None]
    ) -> None:
        self._body = body
        self._request: Request | None = request
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            request, self._request = self._request, None
            if request is not None:
                self._finish(request)
