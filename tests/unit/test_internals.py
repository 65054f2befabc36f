"""The internals of libraries that docs/internals.md lists are what our code was written against."""

from __future__ import annotations

import hashlib
import inspect
import pkgutil
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "internals.md"
_ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \|", re.MULTILINE)
LEANED_ON = dict(_ROW.findall(PAGE.read_text()))
"""Where of ours each name is used, as the page says."""

_LIBRARIES = {
    "flask_cors": "flask-cors",
    "opentelemetry": "opentelemetry-sdk",
    "psycopg_pool": "psycopg-pool",
    "yoyo": "yoyo-migrations",
}

# Of the source, less its comments and spaces. Run this file to print all of them.
DIGESTS = {
    "gunicorn.workers.base.Worker.__init__": "08de2485",
    "gunicorn.workers.base.Worker.init_process": "1ebb2e51",
    "gunicorn.workers.base.Worker.init_signals": "3f0b9a37",
    "gunicorn.workers.base.Worker.handle_exit": "fcbcecf3",
    "gunicorn.arbiter.Arbiter.signal": "038cd3d5",
    "gunicorn.arbiter.Arbiter.spawn_worker": "772178f7",
    "gunicorn.arbiter.Arbiter.stop": "ab0c8a0c",
    "gunicorn.arbiter.Arbiter.murder_workers": "80046c06",
    "gunicorn.arbiter.Arbiter.kill_worker": "90d6b142",
    "gunicorn.http.message.Message.__init__": "ea3457dd",
    "gunicorn.http.message.Message.parse_headers": "4ed2c519",
    "gunicorn.http.message.HeaderPolicy._apply_header_policy": "91faff33",
    "gunicorn.http.message.Message.set_body_reader": "2392cb5c",
    "gunicorn.http.message.Message.should_close": "5791da57",
    "gunicorn.http.message.Request.parse_request_line": "08c42793",
    "gunicorn.http.message.Request._parse_python": "a3ec5df5",
    "gunicorn.http.parser.Parser.__next__": "bd154531",
    "gunicorn.http.parser.Parser.finish_body": "512488cc",
    "gunicorn.http.unreader.Unreader.read": "d7c95eb3",
    "gunicorn.http.unreader.SocketUnreader.chunk": "13d890f4",
    "gunicorn.http.wsgi.create": "1ac76811",
    "gunicorn.http.wsgi.base_environ": "46f7090e",
    "gunicorn.http.wsgi.Response.__init__": "c65b9283",
    "gunicorn.http.wsgi.Response.start_response": "4d9f8697",
    "gunicorn.http.wsgi.Response.process_headers": "f4cbda15",
    "gunicorn.http.wsgi.Response.should_close": "f6f9c025",
    "gunicorn.http.wsgi.Response.is_chunked": "219c7562",
    "gunicorn.http.wsgi.Response.default_headers": "3c904251",
    "gunicorn.http.wsgi.Response.write": "5e18bd11",
    "gunicorn.http.wsgi.Response.close": "607f150f",
    "gunicorn.util.is_hoppish": "fd6920d2",
    "gunicorn.util.http_date": "b14687a3",
    "gunicorn.util.unquote_to_wsgi_str": "ece9eae6",
    "gunicorn.util.split_request_uri": "f27ac203",
    "gunicorn.glogging.Logger.setup": "4cf1e023",
    "redis.Redis.execute_command": "9df53b8e",
    "redis.Redis._execute_command": "e6b4e598",
    "redis.Redis.parse_response": "4a1ade1e",
    "redis.ConnectionPool.get_connection": "cf84217b",
    "redis.ConnectionPool.release": "83bfd392",
    "redis.Connection.disconnect": "aca0966d",
    "redis.Connection.send_command": "76fbc5df",
    "redis.Connection.read_response": "7ae418bc",
    "redis.retry.Retry.call_with_retry": "fdec0338",
    "psycopg.Connection.wait": "6158f8cf",
    "psycopg.Connection.connect": "58a85616",
    "psycopg.RawCursor.execute": "ab597a06",
    "psycopg_pool.ConnectionPool.getconn": "da6a04d2",
    "psycopg_pool.ConnectionPool.putconn": "5982bd8f",
    "psycopg_pool.ConnectionPool.drain": "ee05914c",
    "psycopg_pool.ConnectionPool._get_measures": "ba5544b1",
    "psycopg_pool.base.AttemptWithBackoff.time_to_give_up": "1cd0605b",
    "flask_cors.core.get_cors_headers": "e66ac8f6",
    "flask_cors.core.get_cors_options": "cd51757e",
    "yoyo.backends.core.postgresql.PostgresqlPsycopgBackend.init_connection": "a38e2e40",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter.export": "451a239f",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter.OTLPMetricExporter.export": "1a75be41",
    "opentelemetry.sdk.metrics.export.MetricExporter.__init__": "71b99a7a",
    "opentelemetry.sdk.trace.export.BatchSpanProcessor.on_end": "530d2f73",
}


def digest(name: str) -> str:
    """Return eight digits that change with what the function says."""
    source = inspect.getsource(inspect.unwrap(pkgutil.resolve_name(_path(name))))
    bare = re.sub(r"\s+", "", re.sub(r"(?m)^\s*#.*$", "", source))
    return hashlib.sha256(bare.encode()).hexdigest()[:8]


def _path(name: str) -> str:
    """Part the module from what is in it, as `resolve_name` wants it."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = pkgutil.resolve_name(".".join(parts[:length]))
        except (ImportError, AttributeError):
            continue
        if inspect.ismodule(found):
            return ".".join(parts[:length]) + ":" + ".".join(parts[length:])
    return name


@pytest.mark.parametrize("name", LEANED_ON)
def test_what_we_lean_on_is_as_it_was(name: str) -> None:
    package = name.partition(".")[0]
    library = _LIBRARIES.get(package, package)
    release = f"{library} {version(library)}"
    try:
        now = digest(name)
    except (AttributeError, OSError) as error:
        pytest.fail(f"{release} has no {name} any more: {error}")
    assert now == DIGESTS.get(name), (
        f"{release} has changed {name}, on which {LEANED_ON[name]} leans: see docs/internals.md"
    )


def test_the_page_and_the_digests_name_the_same() -> None:
    assert list(DIGESTS) == list(LEANED_ON)


@pytest.mark.parametrize("places", sorted(set(LEANED_ON.values())))
def test_the_places_are_there(places: str) -> None:
    for place in re.findall(r"`([^`]+)`", places):
        assert (PAGE.parents[1] / place).is_file()


if __name__ == "__main__":
    for leaned_on in LEANED_ON:
        sys.stdout.write(f'    "{leaned_on}": "{digest(leaned_on)}",\n')
