"""Whether the service beside us, in the same container or machine, answers its probes."""

from __future__ import annotations

import dataclasses
import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.doctor.findings import Finding, Progress, fail, ok, skip, warn
from app.doctor.next_steps import again
from app.doctor.pointing import POSTGRESQL, REDIS, TELEMETRY, do_what, guilty, who_says_why
from app.doctor.situation import Situation

ALIVE = "service /healthz"
HEALTH = "service /api/health"

_LOOPBACK = "127.0.0.1"
_WAIT = 1.8
_SIGNALS = ("otel_tracing", "otel_metrics", "loki_logging")


def check_alive(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Ask /healthz, and read which part of the telemetry does not work."""
    answered = _ask(ALIVE, "/healthz", situation, progress)
    if isinstance(answered, Finding):
        yield answered
        return
    status, body = answered
    broken = [name for name in _SIGNALS if body.get(name) and not body.get(f"{name}_works")]
    found = f"{status}, status {body.get('status')}"
    if status != http.HTTPStatus.OK or "status" not in body:
        cause = f"another program has port {situation.settings.port}"
        yield fail(ALIVE, f"answers {status}, not as our service", cause, _who(situation))
    elif broken:
        cause = f"the last export of one worker was not accepted: {', '.join(broken)}"
        yield _unheard(cause, found)
    else:
        yield ok(ALIVE, found)


def check_health(situation: Situation, progress: Progress) -> Iterator[Finding]:
    """Ask /api/health, which looks at PostgreSQL and Redis from inside."""
    answered = _ask(HEALTH, "/api/health", situation, progress)
    if isinstance(answered, Finding):
        yield answered
        return
    status, body = answered
    found = f"{status}, postgres {body.get('postgres')}, redis {body.get('redis')}"
    if "postgres" not in body:
        cause = f"another program has port {situation.settings.port}"
        yield fail(HEALTH, f"answers {status}, not as our service", cause, _who(situation))
    elif not body["postgres"]:
        yield _without("PostgreSQL", POSTGRESQL, fail, found)
    elif not body.get("redis") and situation.settings.redis:
        yield _without("Redis", REDIS, warn, found)
    else:
        yield ok(HEALTH, found)


def _unheard(cause: str, found: str) -> Finding:
    def judge(known: Mapping[str, Finding]) -> Finding:
        causes = guilty(known, TELEMETRY)
        if causes:
            return warn(ALIVE, found, cause, do_what(causes))
        return warn(
            ALIVE, found, f"{cause}; doctor's own are taken", "Run doctor again in a minute"
        )

    return dataclasses.replace(judge({}), settle=judge)


def _without(
    name: str, rows: Sequence[str], judged: Callable[[str, str, str, str], Finding], found: str
) -> Finding:
    """Point to the rows that fail, for the service only says that it cannot use it."""

    def judge(known: Mapping[str, Finding]) -> Finding:
        causes = guilty(known, rows)
        cause = f"the service cannot use {name}: "
        if causes:
            return judged(HEALTH, found, cause + who_says_why(causes), do_what(causes))
        cause += "doctor can, so it ended a moment ago, or the service's variables are older"
        then = "Run doctor again; if this stays, start the service anew with the variables of now"
        return judged(HEALTH, found, cause, then)

    return dataclasses.replace(judge({}), settle=judge)


def _ask(
    row: str, path: str, situation: Situation, progress: Progress
) -> Finding | tuple[int, dict[str, Any]]:
    unusable = situation.unusable(row, "PORT")
    if unusable:
        return unusable
    port = situation.settings.port
    cause = "all its threads are stuck, or it is frozen"
    progress.at(f"waiting for {path} on port {port}", cause, _dump(situation))
    # http.client: no proxy of the environment lies between us and loopback.
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_WAIT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(65_536)
    except ConnectionRefusedError:
        return skip(row, f"the service does not run here (port {port})")
    except TimeoutError:
        return fail(row, f"no answer on port {port}", cause, _dump(situation))
    except (OSError, http.client.HTTPException):
        cause = "it is stopping, or another program has the port"
        return fail(row, f"port {port} breaks the connection off", cause, _who(situation))
    finally:
        connection.close()
    return response.status, _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _who(situation: Situation) -> str:
    return f"ss -ltnp 'sport = :{situation.settings.port}'"


def _dump(situation: Situation) -> str:
    then = "Look what its threads do (py-spy dump), then end it: the master starts another"
    return then if situation.local else again(situation)
