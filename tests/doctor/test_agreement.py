"""What doctor makes of workers that differ, from reports made up."""

import msgspec
import pytest

from app.doctor.comparison import compare
from app.doctor.findings import Advice, Finding, fail, ok
from app.doctor.pointing import POSTGRESQL, REDIS, TELEMETRY
from app.doctor.situation import Options, Situation
from app.fingerprints import fingerprints, shown, without_credentials
from app.model.worker_reports import DependencyState, Forwarding, Trouble, VisitsState, WorkerReport
from tests.doctor.command import STRONG, said
from tests.doctor.pasting import assert_sound
from tests.doctor.tasks import SHORT, A, B, task

DATABASE = {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "p" + STRONG}


def _situation(**more: str) -> Situation:
    return Situation.of({**task(A), **DATABASE, **more}, Options())


def _report(name: str = A, **more: object) -> WorkerReport:
    """Return the report of a healthy worker with the variables of `_situation`."""
    settings = _situation().settings
    plain = WorkerReport(
        task=name,
        slot=0,
        pid=1,
        version="1.0.0",
        environment="production",
        taken_at=0.0,
        port=8080,
        clock_ahead=0.0,
        settings=shown(settings),
        secrets=fingerprints(settings),
        visits=VisitsState(),
    )
    return msgspec.structs.replace(plain, **more)


def _rows(*reports: WorkerReport, situation: Situation | None = None) -> dict[str, Finding]:
    used = situation or _situation()
    rows = {row.check: row for row in compare(reports, 0.0, used, beside=False)}
    for row in rows.values():
        assert_sound(row.advice.next if row.advice else "Nothing follows")
    return rows


def test_nothing_differs() -> None:
    rows = _rows(_report(A), _report(B))

    assert {row: finding.status for row, finding in rows.items()} == {
        "dependencies": "ok",
        "same secrets": "ok",
        "same settings": "ok",
        "same clock": "ok",
        "proxies": "skip",
        "stdout": "ok",
        "visits": "ok",
    }


def test_nobody_reports() -> None:
    assert {row.status for row in compare([], None, _situation(), beside=False)} == {"skip"}


def test_a_key_that_is_being_replaced_logs_nobody_out() -> None:
    old = _report(A, secrets={"JWT_SECRET": "aaa", "JWT_SECRET_PREVIOUS": "bbb"})
    new = _report(B, secrets={"JWT_SECRET": "bbb", "JWT_SECRET_PREVIOUS": "aaa"})

    row = _rows(old, new)["same secrets"]

    assert row.status == "warn"
    assert "nobody is logged out" in said(row)


def test_an_old_task_that_does_not_know_the_new_key_refuses_its_tokens() -> None:
    old = _report(A, secrets={"JWT_SECRET": "aaa"})
    new = _report(B, secrets={"JWT_SECRET": "bbb", "JWT_SECRET_PREVIOUS": "aaa"})

    assert _rows(old, new)["same secrets"].status == "fail"


@pytest.mark.parametrize(
    ("previous", "status"), [({}, "fail"), ({"JWT_SECRET_PREVIOUS": STRONG}, "warn")]
)
def test_a_key_that_is_newer_than_every_task(previous: dict[str, str], status: str) -> None:
    situation = _situation(JWT_SECRET=STRONG[::-1], **previous)

    row = _rows(_report(A), _report(B), situation=situation)["same secrets"]

    assert row.status == status
    assert "JWT_SECRET of every worker is another than doctor's" in row.found


def test_environments_apart() -> None:
    staging = _report(B, settings={**_report().settings, "ENV": "staging"})

    row = _rows(_report(A), staging)["same settings"]

    assert row.status == "fail"
    assert row.found == f"ENV is production in {SHORT[A]} and staging in {SHORT[B]}"


def test_a_task_definition_that_is_newer_than_what_runs() -> None:
    row = _rows(_report(A), situation=_situation(REDIRECT_STATUS="301"))["same settings"]

    assert row.status == "warn"
    assert row.found == "REDIRECT_STATUS: not as doctor was given"


CAUSES = [
    ("the server has no connection left", "more tasks would ask for more", "Do what the rows"),
    ("a lock was not available in time", "the rows postgresql, session, schema, ", "Do what"),
    ("there is no route to the server", "others are served", "aws ecs stop-task"),
    (
        "the user or the password was refused",
        "password that they were started with",
        "Give the server",
    ),
]


@pytest.mark.parametrize(("cause", "why", "then"), CAUSES)
def test_what_one_task_is_refused(cause: str, why: str, then: str) -> None:
    trouble = Trouble("PostgreSQL refused a statement", cause, 3, 4.0)
    ailing = _report(A, postgresql=DependencyState(troubles=(trouble,)))

    row = _rows(ailing, _report(B))["dependencies"]

    assert row.status == "fail"
    assert row.found == f"PostgreSQL for 1 of 2 workers ({SHORT[A]}): {cause}, last 4 s ago"
    assert why in said(row)
    assert row.advice
    assert row.advice.next.startswith(then)


def test_with_no_connection_left_nobody_is_told_to_start_more_tasks() -> None:
    gone = DependencyState(away_for=12.0, cause="the server has no connection left")

    row = _rows(_report(A, postgresql=gone), _report(B, postgresql=gone))["dependencies"]

    assert "all 2 workers: the server has no connection left, away for 12 s" in row.found
    assert "update-service" not in said(row)


READ_ONLY = "the server is read-only (a standby, or a demoted primary)"


def _refused(cause: str, ago: float, name: str = "PostgreSQL") -> DependencyState:
    kind = "command" if name == "Redis" else "statement"
    return DependencyState(troubles=(Trouble(f"{name} refused a {kind}", cause, 3, ago),))


def _settled(*reports: WorkerReport, **judged: Finding) -> Finding:
    """Return the row `dependencies` where all of doctor's own rows are ok but those given."""
    rows = {name: ok(name, "") for name in (*POSTGRESQL, *REDIS, *TELEMETRY)}
    row = _rows(*reports)["dependencies"]
    assert row.settle
    found = row.settle({**rows, **judged})
    assert_sound(found.advice.next if found.advice else "Nothing follows")
    return found


@pytest.mark.parametrize(
    ("cause", "ago"), [(READ_ONLY, 25.0), (READ_ONLY, 2.0), ("there is no route to the server", 25)]
)
def test_what_is_over_is_said_and_nothing_is_to_be_done(cause: str, ago: float) -> None:
    row = _settled(_report(A, postgresql=_refused(cause, ago)), _report(B))

    assert row.status == "warn"
    assert row.found == f"PostgreSQL was: {cause}, last {ago:.0f} s ago; over now"
    assert row.advice
    assert row.advice.next == "Nothing at once; run doctor again if it comes back"


def test_what_doctor_still_meets_is_not_over_and_its_row_is_named() -> None:
    writes = fail("writes", "read-only", "it was set", "Set it off")

    row = _settled(_report(A, postgresql=_refused(READ_ONLY, 25.0)), _report(B), writes=writes)

    assert row.status == "fail"
    assert row.advice == Advice("the row writes says why", "Do what the row writes advises")


def test_a_redis_that_is_away_now_is_not_hidden_by_a_postgresql_that_is_back() -> None:
    gone = DependencyState(away_for=3.0, cause="the connection was refused")
    redis = fail("redis", "refuses", "it is stopped", "Start it")
    ailing = _report(A, postgresql=_refused(READ_ONLY, 25.0), redis=gone)

    row = _settled(ailing, redis=redis)

    assert row.status == "warn"
    assert row.found == (
        "Redis for the one worker: the connection was refused, away for 3 s; "
        f"PostgreSQL was: {READ_ONLY}, last 25 s ago; over now"
    )
    assert row.advice
    assert row.advice.next == "Do what the row redis advises"


def test_a_full_disk_that_doctor_did_not_meet_is_none_of_a_single_task() -> None:
    row = _settled(_report(A, postgresql=_refused("the server's disk is full", 3.0)), _report(B))

    assert row.status == "fail"
    assert "FreeStorageSpace" in said(row)
    assert "aws rds describe-db-instances" in said(row)


def test_every_dependency_that_is_in_trouble_is_named() -> None:
    gone = DependencyState(away_for=3.0, cause="the connection was refused")
    ailing = _report(A, postgresql=gone, redis=gone, telemetry={"loki_logging": False})
    rows = {name: fail(name, "", "", "Start it") for name in ("postgresql", "redis", "loki push")}

    row = _settled(ailing, **rows)

    assert row.status == "fail"
    for name in ("PostgreSQL for", "Redis for", "loki_logging for"):
        assert name in row.found
    assert row.advice
    assert row.advice.next == "Do what the rows postgresql, redis and loki push advise"


def test_the_cause_of_now_is_named_and_not_the_commonest_of_the_last_minute() -> None:
    older = _refused("a lock was not available in time", 40.0)
    newer = _refused("there is no route to the server", 2.0)

    row = _settled(_report(A, postgresql=older), _report(B, postgresql=newer))

    assert row.found.startswith(f"PostgreSQL for 1 of 2 workers ({SHORT[B]}): there is no route")


def test_what_all_workers_lack_and_doctor_has_points_to_no_row_that_is_ok() -> None:
    gone = DependencyState(away_for=12.0, cause="the host name cannot be resolved")

    row = _settled(_report(A, postgresql=gone), _report(B, postgresql=gone))

    assert row.status == "fail"
    assert "doctor itself is served" in said(row)
    assert "Do what" not in said(row)


def test_what_was_mended_by_a_second_try_is_no_fault() -> None:
    trouble = Trouble("PostgreSQL is asked once more", "the connection broke", 1, 1.0)

    row = _rows(_report(A, postgresql=DependencyState(troubles=(trouble,))))["dependencies"]

    assert row.status == "ok"


def test_a_collector_that_takes_nothing_from_one_task() -> None:
    row = _rows(_report(A, telemetry={"otel_tracing": False}), _report(B))["dependencies"]

    assert row.status == "warn"
    assert row.found == f"otel_tracing for 1 of 2 workers ({SHORT[A]}): last export refused"


@pytest.mark.parametrize(
    ("trusted", "seen", "status"),
    [
        ("0", Forwarding(9, 1, 9, 1, 1), "skip"),
        ("0", Forwarding(10, 1, 10, 1, 1), "fail"),
        # Nobody's proxy: a client that wrote the header itself.
        ("0", Forwarding(10, 3, 0, 1, 1), "ok"),
        ("1", Forwarding(10, 9, 0, 1, 4), "ok"),
        ("1", Forwarding(10, 2, 10, 2, 2), "fail"),
        ("2", Forwarding(10, 9, 0, 1, 1), "fail"),
        ("2", Forwarding(10, 9, 0, 1, 2), "warn"),
    ],
)
def test_proxies(trusted: str, seen: Forwarding, status: str) -> None:
    settings = {**_report().settings, "TRUSTED_PROXIES": trusted}

    row = _rows(_report(A, settings=settings, forwarding=seen))["proxies"]

    assert row.status == status


def test_a_fingerprint_tells_no_more_than_whether_two_are_the_same() -> None:
    one, same = fingerprints(_situation().settings), fingerprints(_situation().settings)
    other = fingerprints(_situation(JWT_SECRET=STRONG[::-1]).settings)

    assert one == same
    # Without the key a password, which may be weak, cannot be tried out.
    assert one["POSTGRES_PASSWORD"] != other["POSTGRES_PASSWORD"]
    assert one["JWT_SECRET"] != other["JWT_SECRET"]
    assert all(len(digits) == 6 for digits in one.values())


def test_the_key_before_is_comparable_with_the_key_of_now() -> None:
    rotated = _situation(JWT_SECRET=STRONG[::-1], JWT_SECRET_PREVIOUS=STRONG).settings

    before = fingerprints(_situation().settings)["JWT_SECRET"]
    assert fingerprints(rotated)["JWT_SECRET_PREVIOUS"] == before


def test_what_is_shown_holds_no_secret() -> None:
    settings = _situation(REDIS_ADDR="cache:6379", REDIS_PASSWORD="r" + STRONG).settings

    told = shown(settings)

    assert STRONG not in repr(told)
    assert {"ENV", "POSTGRES_HOST", "TRUSTED_PROXIES", "WEB_CONCURRENCY"} <= told.keys()
    assert without_credentials("http://ada:b@h:1/p?token=x") == "http://h:1/p"
