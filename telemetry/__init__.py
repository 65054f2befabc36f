"""Traces, metrics and logs beside a Flask application, which neither waits for nor needs them.

    config = telemetry.Config.from_env(os.environ)   # ConfigError.mistakes: one line each
    telemetry.log_to_stdout(config)                   # JSON lines, in any process
    config = telemetry.prepare(config)                # once, before any fork
    telemetry.start(config, slot=0)                   # in the worker, before the app is loaded
    observe = telemetry.instrument(app)               # straight after Flask()
    observe(environ, route, status, body, began)      # an answer given before Flask
    telemetry.tell_route(environ, route)              # of an answer given between it and Flask
    telemetry.health(), telemetry.prometheus_text()   # for /healthz and /metrics
    telemetry.describe()                              # for whoever looks for a fault
    telemetry.stop(budget=13.0)                       # flushes spans, then metrics, then logs

Nothing else is public. Without `start` every function is harmless: `instrument` does nothing,
`health` says that nothing is configured. This package never imports the application.
"""

from telemetry.config import Config, ConfigError
from telemetry.lifecycle import (
    Description,
    describe,
    health,
    instrument,
    log_to_stdout,
    prepare,
    prometheus_text,
    start,
    stop,
    tell_route,
)

__all__ = [
    "Config",
    "ConfigError",
    "Description",
    "describe",
    "health",
    "instrument",
    "log_to_stdout",
    "prepare",
    "prometheus_text",
    "start",
    "stop",
    "tell_route",
]
