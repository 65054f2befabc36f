"""doctor against Redis in every kind of trouble: the cause and the next command."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.doctor.findings import Finding
from local.ports import free_port
from tests.doctor.command import STRONG, examine, said
from tests.doctor.conftest import Environment
from tests.harness.proxy import Proxy
from tests.harness.servers import ROOT, Valkey

StartValkey = Callable[..., Valkey]
MARKED = "k" + STRONG


@pytest.fixture
def start_valkey(tmp_path: Path) -> Iterator[StartValkey]:
    """Start servers with settings of their own."""
    with ExitStack() as stack:

        def start(password: str | None = None, **settings: str) -> Valkey:
            named = {name.replace("_", "-"): value for name, value in settings.items()}
            server = Valkey(tmp_path / f"valkey-{free_port()}", password=password, settings=named)
            return stack.enter_context(server)

        yield start


def _redis(plain: Environment, server: Valkey | None = None, **more: str) -> Finding:
    return examine({**plain, **(server.environment() if server else {}), **more})["redis"]


def test_a_stopped_server(plain: Environment) -> None:
    row = _redis(plain, REDIS_ADDR=f"127.0.0.1:{free_port()}")

    assert "refuses connections Redis is stopped" in said(row)
    assert row.advice
    assert row.advice.next.startswith("Start Redis at 127.0.0.1:")


def test_a_wrong_password(plain: Environment, start_valkey: StartValkey) -> None:
    server = start_valkey(password=MARKED)

    row = _redis(plain, server, REDIS_PASSWORD=STRONG)

    assert "the password was refused" in row.found
    assert "REDIS_PASSWORD" in said(row)


def test_a_password_that_is_missing(plain: Environment, start_valkey: StartValkey) -> None:
    server = start_valkey(password=MARKED)

    row = _redis(plain, server, REDIS_PASSWORD="")

    assert "the password was refused" in row.found


def test_a_rotated_password_in_production(plain: Environment, start_valkey: StartValkey) -> None:
    server = start_valkey(password=MARKED)

    row = _redis(plain, server, REDIS_PASSWORD=STRONG, ENV="production")

    # No service runs here, so these are the secrets of now: new tasks would get no others.
    assert row.advice
    assert row.advice.next.startswith("Give the server and the secret the same password")


def test_a_server_that_would_refuse_writes_once_full(
    plain: Environment, start_valkey: StartValkey
) -> None:
    row = _redis(plain, start_valkey(maxmemory="50mb", maxmemory_policy="noeviction"))

    assert row.status == "warn"
    assert "of 50 MiB, noeviction" in row.found
    assert "volatile-lru" in said(row)


def test_a_server_that_forgets_when_full_is_fine(
    plain: Environment, start_valkey: StartValkey
) -> None:
    row = _redis(plain, start_valkey(maxmemory="50mb", maxmemory_policy="volatile-lru"))

    assert row.status == "ok"


def test_a_server_that_is_full(plain: Environment, start_valkey: StartValkey) -> None:
    row = _redis(plain, start_valkey(maxmemory="1kb", maxmemory_policy="noeviction"))

    assert "fail" in said(row)
    assert "is out of memory" in row.found
    assert "volatile-lru" in said(row)


def test_a_server_without_a_limit_in_production(
    plain: Environment, start_valkey: StartValkey
) -> None:
    row = _redis(plain, start_valkey(), ENV="production")

    assert row.status == "warn"
    assert "without maxmemory" in said(row)


def test_a_replica(plain: Environment, start_valkey: StartValkey) -> None:
    row = _redis(plain, start_valkey(replicaof=f"127.0.0.1 {free_port()}"))

    assert "takes no writes: a replica" in row.found
    assert "failover" in said(row)


def test_a_server_that_does_not_speak_tls(plain: Environment, valkey: Valkey) -> None:
    row = _redis(plain, valkey, REDIS_TLS="true")

    assert "fail" in said(row)
    assert "REDIS_TLS" in said(row)


def test_a_connection_that_is_reset(plain: Environment, valkey: Valkey) -> None:
    with Proxy(valkey.port) as proxy:
        proxy.reset()
        row = _redis(plain, REDIS_ADDR=f"127.0.0.1:{proxy.port}")

    assert "closes the connection" in row.found


def test_a_slow_server(plain: Environment, valkey: Valkey) -> None:
    with Proxy(valkey.port) as proxy:
        proxy.delay(0.04)
        row = _redis(plain, REDIS_ADDR=f"127.0.0.1:{proxy.port}")

    assert row.status == "warn"
    assert "slow log" in said(row)


def test_a_user_that_may_not_ask_for_the_state(
    plain: Environment, start_valkey: StartValkey
) -> None:
    row = _redis(plain, start_valkey(user="default on nopass ~* +@all -info"))

    assert row.status == "ok"
    assert "of an unknown version" in row.found


def test_none_configured(plain: Environment) -> None:
    assert _redis(plain).status == "skip"
    assert _redis(plain, ENV="production").status == "warn"


@pytest.mark.parametrize(
    "name", ["docs/operations.md", "docs/operations.pt-BR.md", "docker/compose.yaml"]
)
def test_one_policy_is_advised_everywhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    # doctor's own is in its rows; a cache may be shared with keys that have no expiry.
    assert set(re.findall(r"\w+-l[rf]u\b", text)) == {"volatile-lru"}
