"""Whether PostgreSQL is there, current, roomy and writable, and whose clock is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg

from app.doctor.agreement import mend_password
from app.doctor.findings import Advice, Finding, Progress, fail, ok, skip, warn
from app.doctor.network import Peer, Unreachable, reach
from app.doctor.next_steps import LONGEST, again, in_the_image, sql
from app.doctor.peers import postgresql
from app.doctor.reports import Gathering
from app.doctor.room import judge_connections
from app.doctor.server_troubles import trouble
from app.doctor.session import check_session
from app.doctor.situation import Situation
from app.storage.causes import database_cause
from app.storage.inspection import Inspection, inspect
from app.storage.schema import known_migrations, retiring_migrations
from app.storage.schema_facts import Missing
from app.storage.worker_reports import ReportFolder

ROWS = ("postgresql", "session", "schema", "connections", "writes", "clock")
REACHABLE, SESSION, SCHEMA, CONNECTIONS, WRITES, CLOCK = ROWS
OLDEST_SUPPORTED = 14
"""PostgreSQL's major version; older ones get no fixes (versioning policy)."""
CLOCK_WARNS = 1.0
CLOCK_FAILS = 5.0
"""Seconds; a JWT is refused before its nbf, Loki refuses lines ahead of its time."""

_OWNERS = "SELECT schemaname, tablename, tableowner, current_user FROM pg_tables ORDER BY 1, 2"
_SILENT = "the server is frozen or overloaded: it accepts connections and does not answer"
# Fragments of causes.database_cause, the likely cause, and the statement that shows more; without
# one the command that shows whether the server runs. Never new tasks: they would ask for more.
_CAUSES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("starting",), "a restart, a failover or a shutdown is going on", ""),
    (("privilege",), "the role was changed, or the schema has another owner", _OWNERS),
    (("too long",), "the server is overloaded", LONGEST),
    (("no answer in time",), _SILENT, ""),
    (("nothing listens",), "the socket's folder is wrong, or the server is stopped", ""),
)


def check_postgresql(
    situation: Situation, gathering: Gathering, progress: Progress
) -> Iterator[Finding]:
    """Connect once, as the service does, and ask."""
    wrong = situation.wrong_for_postgresql
    if wrong:
        yield skip(REACHABLE, f"{', '.join(wrong)} cannot be used, see configuration")
        return
    settings, peer = situation.settings.postgres, postgresql(situation)
    try:
        address = None if peer.host.startswith("/") else reach(peer, progress)
        progress.at(f"logging in at {peer.shown}", _SILENT, peer.start)
        begun = time.monotonic()
        with inspect(settings, address) as server:
            took = time.monotonic() - begun
            cause = "the server is overloaded"
            progress.at(f"asking {peer.shown}", cause, sql(situation, LONGEST))
            yield _version(server, situation, f"{peer.shown}, connected in {took * 1000:.0f} ms")
            yield from _ask(server, situation, peer, gathering)
    except Unreachable as error:
        yield error.finding(REACHABLE)
    except psycopg.Error as error:
        yield _refused(REACHABLE, error, situation, peer)


def _ask(
    server: Inspection, situation: Situation, peer: Peer, gathering: Gathering
) -> Iterator[Finding]:
    questions: dict[str, Callable[[], Finding]] = {
        SESSION: lambda: check_session(SESSION, server, situation),
        SCHEMA: lambda: _schema(server, situation),
        CONNECTIONS: lambda: judge_connections(
            CONNECTIONS, server.connections(), gathering.tasks(), situation
        ),
        WRITES: lambda: _writes(server, situation),
        CLOCK: lambda: _clock(server.clock_offset(), situation),
    }
    for row, question in questions.items():
        try:
            yield question()
        except psycopg.errors.LockNotAvailable:
            yield skip(row, "not to be read while somebody holds a table, see locks")
        except psycopg.Error as error:
            yield _refused(row, error, situation, peer)
            if server.closed:
                return


def _refused(row: str, error: psycopg.Error, situation: Situation, peer: Peer) -> Finding:
    found = database_cause(error)
    advice = _advice(found, situation, peer.start)
    return fail(row, f"{peer.shown}: {found}", advice.cause, advice.next)


def _advice(found: str, situation: Situation, start: str) -> Advice:
    """Return what is likely behind one of `causes.database_cause`'s phrases."""
    known = trouble(found, situation)
    if known:
        return known
    for fragments, cause, statement in _CAUSES:
        if any(fragment in found for fragment in fragments):
            return Advice(cause, sql(situation, statement) if statement else start)
    if "does not exist" in found or "was dropped" in found:
        return Advice("POSTGRES_DB or POSTGRES_USER is wrong", _names(situation, start))
    if "TLS" in found or "certificate" in found:
        cause = "POSTGRES_SSLMODE asks for what the server does not offer, or the reverse"
        where = "for the service" if situation.local else "in task-definition.json, then release"
        return Advice(cause, f"Set POSTGRES_SSLMODE as the server is, {where}")
    if "password" in found:
        beside = bool(ReportFolder(situation.settings.port).living())
        rotated = (
            "the secret was rotated after this task had started"
            if beside
            else ("the secret is not the server's: one of them was changed alone")
        )
        cause = f"{rotated}, or POSTGRES_USER is wrong"
        return Advice(cause, mend_password(None, situation, beside=beside))
    return Advice("the server is in trouble: its own log knows", start)


def _names(situation: Situation, released: str) -> str:
    local = "Compare POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD with the server's"
    return local if situation.local else released


def _version(server: Inspection, situation: Situation, where: str) -> Finding:
    major, minor = server.version
    encrypted = "TLS" if server.uses_tls else "no TLS"
    found = f"PostgreSQL {major}.{minor} at {where}, {encrypted}"
    if major < OLDEST_SUPPORTED:
        cause = "this version gets no security fixes any more"
        return warn(REACHABLE, found, cause, "Plan an upgrade to a supported major version")
    if situation.production and not server.uses_tls:
        cause = "POSTGRES_SSLMODE does not ask for encryption"
        then = "Set POSTGRES_SSLMODE to require in task-definition.json, then release"
        return warn(REACHABLE, found, cause, then)
    return ok(REACHABLE, found)


def _schema(server: Inspection, situation: Situation) -> Finding:
    known, applied = known_migrations(), server.applied_migrations()
    missing = [name for name in known if name not in applied]
    newer = [name for name in applied if name not in {*known, *retiring_migrations()}]
    if missing:
        cause = "`migrate` has not run for this release, or against another database"
        if not applied:
            cause = "`migrate` never ran here: a new or restored database, or a wrong POSTGRES_DB"
        then = in_the_image(situation, "migrate")
        return fail(SCHEMA, f"missing: {', '.join(missing)}", cause, then)
    lacking = server.missing_from_schema()
    if lacking:
        return _lacking(lacking, situation)
    if newer:
        cause = "an older release runs on a newer schema, as after a rollback"
        then = "Release the newer version again when it is mended; nothing at once"
        return warn(SCHEMA, f"unknown to this release: {', '.join(newer)}", cause, then)
    return ok(SCHEMA, f"at head, {known[-1]}; {_phase(server)}")


def _phase(server: Inspection) -> str:
    if server.go_service_can_write():
        return "shared with the Go service until `migrate --retire-go`"
    return "the Go service is retired"


def _lacking(lacking: list[Missing], situation: Situation) -> Finding:
    """Report what is not there although every migration says that it ran."""
    first, *more = lacking
    found = f"at head, yet without {first}" + (f" and {len(more)} more" if more else "")
    cause = "somebody changed the schema by hand, or a restore left it out"
    # A whole database of a time before would lose every link made since.
    then = "Restore a copy beside it, take what is lost from there (docs/operations.md, Restoring)"
    if first.repair:
        then = sql(situation, _repairs(first, more))
    row = warn if all(each.only_slows for each in lacking) else fail
    return row(SCHEMA, found, cause, then)


def _repairs(first: Missing, more: list[Missing]) -> str:
    """Return what mends the first fault: triggers are switched off, and on again, together."""
    together = [each for each in (first, *more) if each.disabled] if first.disabled else [first]
    return "; ".join(each.repair for each in together if each.repair)


def _writes(server: Inspection, situation: Situation) -> Finding:
    standby, read_only = server.refuses_writes()
    if standby:
        cause = "POSTGRES_HOST leads to a replica or a demoted primary, as after a failover"
        then = "Set POSTGRES_HOST to the writer"
        if not situation.local:
            then = (
                "aws rds describe-db-clusters --query 'DBClusters[].[DBClusterIdentifier,Endpoint]'"
            )
        return fail(WRITES, "the server is a standby: it takes no writes", cause, then)
    if read_only:
        cause = "default_transaction_read_only is on: set for the database, the role or the server"
        reset = server.reset_of("default_transaction_read_only")
        then = sql(situation, reset) if reset else "Set it off in the server's own parameters"
        return fail(WRITES, "transactions are read-only: nothing can be shortened", cause, then)
    return ok(WRITES, "takes writes")


def _clock(ahead: float, situation: Situation) -> Finding:
    direction = "behind" if ahead > 0 else "ahead of"
    found = f"this machine is {abs(ahead):.3f} s {direction} the database"
    if abs(ahead) <= CLOCK_WARNS:
        return ok(CLOCK, found)
    row = fail if abs(ahead) > CLOCK_FAILS else warn
    cause = "time synchronisation is off here or there: tokens and log times suffer"
    return row(CLOCK, found, cause, "date -u" if situation.local else again(situation))
