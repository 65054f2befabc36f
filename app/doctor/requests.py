"""Whether the database does what requests ask of it, and who holds it up if not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg

from app.doctor.findings import Advice, Finding, Progress, fail, ok, skip, warn
from app.doctor.network import Unreachable, reach
from app.doctor.next_steps import LONGEST, addresses_of_tasks, sql
from app.doctor.peers import postgresql
from app.doctor.reports import Gathering
from app.doctor.server_troubles import trouble
from app.doctor.situation import Situation
from app.storage.blockers import Blocker
from app.storage.causes import database_cause
from app.storage.inspection import LOCK_LIMIT, Inspection, inspect
from app.storage.needed_schema import NEEDED

ROWS = ("requests", "locks", "clients")
REQUESTS, LOCKS, CLIENTS = ROWS
_LOOK_AFTER, _LOOK_AGAIN = LOCK_LIMIT / 4, LOCK_LIMIT / 8
"""Seconds that a statement of ours may wait before we look who holds it up."""
_LAST_LOOK = LOCK_LIMIT * 3 / 4
_NOTABLE = 0.25
"""Seconds; a request waits for another's row for a moment, and that is nobody's fault."""
_MISSING = frozenset({"42703", "42P01", "42883"})


class _Probe(threading.Thread):
    """Does what requests do, while somebody else watches."""

    def __init__(self, server: Inspection) -> None:
        super().__init__(name="doctor-requests", daemon=True)
        self._server = server
        self.step = ""
        self.error: psycopg.Error | None = None

    def run(self) -> None:
        try:
            self._server.try_requests(self._at)
        except psycopg.Error as error:
            self.error = error

    def _at(self, step: str) -> None:
        self.step = step


def check_requests(
    situation: Situation, gathering: Gathering, progress: Progress
) -> Iterator[Finding]:
    """Resolve, create, log in, sign up and list, take it back, and look who blocks whom."""
    peer = postgresql(situation)
    if situation.wrong_for_postgresql:
        yield skip(REQUESTS, "not tried, see postgresql")
        return
    settings = situation.settings.postgres
    try:
        address = None if peer.host.startswith("/") else reach(peer, progress)
        progress.at(f"logging in at {peer.shown}", "the row postgresql says why", peer.start)
        with inspect(settings, address) as server, inspect(settings, address) as watch:
            step = "doing what requests do"
            progress.at(step, "the server is overloaded", sql(situation, LONGEST))
            probe = _Probe(server)
            probe.start()
            blockers = _watch(probe, watch)
            yield _requests(probe, blockers, situation)
            yield _locks(blockers, situation)
            yield _clients(watch.client_addresses(), gathering, situation)
    except Unreachable:
        # One row tells of one fault.
        yield skip(REQUESTS, "not tried, see postgresql")
    except psycopg.Error as error:
        yield skip(REQUESTS, f"not tried, see postgresql: {database_cause(error)}")


def _watch(probe: _Probe, watch: Inspection) -> list[Blocker]:
    """Return who blocks anybody, looking while the probe itself may be the one that waits."""
    seen: list[Blocker] = []
    # The row schema reads meanwhile; what holds it up is to be seen as well.
    last_look = time.monotonic() + _LAST_LOOK
    probe.join(_LOOK_AFTER)
    while probe.is_alive():
        seen = watch.blockers() or seen
        probe.join(_LOOK_AGAIN)
    if not seen:
        time.sleep(max(0.0, last_look - time.monotonic()))
    seen = seen or [each for each in watch.blockers() if each.longest_wait >= _NOTABLE]
    return seen or [each for each in watch.holders() if (each.seconds or 0.0) >= _NOTABLE]


def _requests(probe: _Probe, blockers: list[Blocker], situation: Situation) -> Finding:
    error = probe.error
    if error is None:
        return ok(REQUESTS, "resolve, create, log in, sign up, list: done and taken back")
    found = f"{probe.step}: {database_cause(error)}"
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return skip(REQUESTS, f"{found}, see writes")
    advice = trouble(found, situation) or _refused(error, blockers, situation)
    return fail(REQUESTS, found, advice.cause, advice.next)


def _refused(error: psycopg.Error, blockers: list[Blocker], situation: Situation) -> Advice:
    if blockers:
        cause = f"another session holds {blockers[0].tables or 'a lock'}: see locks"
        return Advice(cause, sql(situation, blockers[0].end))
    if error.sqlstate in _MISSING:
        cause = "the schema is not what this release needs: see schema"
        return Advice(cause, "Do what the row schema advises")
    if error.sqlstate == "42501":
        cause = "the role was changed, or the tables have another owner"
        owners = "SELECT tablename, tableowner, current_user FROM pg_tables WHERE schemaname = "
        return Advice(cause, sql(situation, f"{owners}'public'"))
    cause = "the server is overloaded or in trouble: its own log knows"
    return Advice(cause, sql(situation, LONGEST))


def _locks(blockers: list[Blocker], situation: Situation) -> Finding:
    if not blockers:
        return ok(LOCKS, "nobody waits")
    worst = blockers[0]
    others = f"; {len(blockers) - 1} more block others" if len(blockers) > 1 else ""
    found = f"{_who(worst)} {_what(worst)}{_on(worst)}{others}"
    cause = "it works for long under a lock that everybody needs"
    if worst.idle:
        cause = "it left its transaction open: a person at a prompt, or a program that forgot"
    row = fail if any(table in NEEDED for table in worst.tables.split(", ")) else warn
    return row(LOCKS, found, cause, sql(situation, worst.end))


def _clients(seen: set[str], gathering: Gathering, situation: Situation) -> Finding:
    """Look for tasks that use the database and report nothing, as when only their Redis is away."""
    if not situation.settings.postgres.prepared_statements:
        return skip(CLIENTS, "a pooler lies between: it has one address for all")
    gathered = gathering.result()
    if gathered.unread or not gathered.published:
        return skip(CLIENTS, f"not compared, {gathered.unread or 'no worker reports'}")
    silent = sorted(seen - {report.address for report in gathered.all})
    if silent:
        found = f"{', '.join(silent[:4])} holds connections of the service, reports nothing"
        cause = "Redis is away for these alone, or they are of an older release"
        return warn(CLIENTS, found, cause, addresses_of_tasks(situation))
    return ok(CLIENTS, f"every address that holds connections reports ({len(seen)})")


def _who(blocker: Blocker) -> str:
    application = f" ({blocker.application})" if blocker.application else ""
    state = "idle in a transaction after" if blocker.idle else "running"
    since = "" if blocker.seconds is None else f" for {blocker.seconds:.0f} s"
    name = f"session {blocker.pid} of {blocker.user}" if blocker.pid else blocker.user
    return f"{name}{application}, {state} {blocker.statement}{since},"


def _what(blocker: Blocker) -> str:
    if not blocker.waiting:
        return "keeps everybody out"
    sessions = "session" if blocker.waiting == 1 else "sessions"
    return f"holds up {blocker.waiting} {sessions}, one for {blocker.longest_wait:.0f} s"


def _on(blocker: Blocker) -> str:
    return f", over {blocker.tables}" if blocker.tables else ""
