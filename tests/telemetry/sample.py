"""A Flask application that has nothing of ours but the one call: telemetry must suit any."""

import logging
import threading
import time
from collections.abc import Iterator

from flask import Flask, Response, abort, jsonify, request, stream_with_context

import telemetry

logger = logging.getLogger("sample")


def create_app() -> Flask:
    """Return the application."""
    app = Flask(__name__)
    telemetry.instrument(app)
    _add_answers(app)
    _add_logging(app)
    _add_telemetry(app)
    return app


def _add_answers(app: Flask) -> None:
    @app.get("/hello")
    def hello() -> str:
        return "hello"

    @app.get("/items/<name>")
    def item(name: str) -> str:
        return name

    @app.get("/slow/<float:seconds>")
    def slow(seconds: float) -> str:
        logger.info("Slow request started")
        time.sleep(seconds)
        return "slow"

    @app.post("/upload")
    def upload() -> str:
        return str(len(request.get_data()))

    @app.get("/status/<int:code>")
    def status(code: int) -> str:
        abort(code)


def _add_logging(app: Flask) -> None:
    @app.get("/log")
    def log() -> str:
        logger.info("Inside", extra={"number": 7, "password": "hunter2"})
        logging.getLogger("some.library").warning(
            "Asked https://u:pw@example.com/a?key=%s", "s3cret"
        )
        return "logged"

    @app.get("/fail")
    def fail() -> str:
        message = "broken on purpose"
        raise RuntimeError(message)

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[bytes]:
            for _ in range(200):
                logger.info("Part")
                yield b"x" * 65536
                time.sleep(0.01)

        return Response(stream_with_context(parts()))


def _add_telemetry(app: Flask) -> None:
    @app.get("/threads")
    def threads() -> Response:
        return jsonify(sorted(thread.name for thread in threading.enumerate()))

    @app.get("/healthz")
    def health() -> Response:
        return jsonify(telemetry.health())

    @app.get("/metrics")
    def metrics() -> Response:
        text = telemetry.prometheus_text()
        return Response(text or b"", 404 if text is None else 200, content_type="text/plain")


app = create_app()
