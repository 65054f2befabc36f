"""What the service loads that is not ours, loaded once for all services that tests fork.

Imported by the fork server alone, before anything else. A library that is missing here costs time
and nothing else: the service loads it itself. None of ours is here, nor gunicorn and Prometheus's
client, which look at PORT and at all variables as they are loaded.
"""

from __future__ import annotations

import gc
import importlib
import os

LIBRARIES = (
    "argon2",
    "bcrypt",
    "cachetools",
    "crawleruseragents",
    "datasketches",
    "email_validator",
    "flask",
    "flask_cors",
    "jwt",
    "limits",
    "limits.strategies",
    "maxminddb",
    "msgspec",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.instrumentation.flask",
    "opentelemetry.instrumentation.psycopg",
    "opentelemetry.instrumentation.redis",
    "opentelemetry.sdk.metrics.export",
    "opentelemetry.sdk.trace.export",
    "psutil",
    "psycopg",
    "psycopg_pool",
    "pwdlib",
    "pythonjsonlogger.core",
    "re2",
    "redis",
    "requests",
    "segno",
    "ua_parser",
)


_KEPT = {"PATH", "HOME", "LANG"}
"""What a service gets of the caller's environment; a shell's own variables must change nothing."""


def _load() -> dict[str, str | None]:
    """Load them all; return the variables that were looked at meanwhile, with their values."""
    looked_at: dict[str, str | None] = {}
    for name in os.environ.keys() - _KEPT:
        del os.environ[name]
    kind = type(os.environ)
    look_up = kind.__getitem__

    def noted(self: os._Environ[str], name: str) -> str:
        looked_at[name] = None
        looked_at[name] = found = look_up(self, name)
        return found

    kind.__getitem__ = noted  # type: ignore[method-assign]
    try:
        for name in LIBRARIES:
            importlib.import_module(name)
    finally:
        kind.__getitem__ = look_up  # type: ignore[method-assign]
    return looked_at


LOOKED_AT = _load()
"""Variables of the environment that say something to the libraries as they are loaded."""
gc.collect()
gc.freeze()
