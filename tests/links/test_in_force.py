"""A change is in force on every worker of every instance within 5 s, whatever dies meanwhile."""

import itertools
import math
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.proxy import Proxy
from tests.harness.servers import Database, Valkey
from tests.links.faults import FAULTS, NEW, OLD, Fault, Parts, Scene, a_read_is_late
from tests.links.fleet import IN_FORCE, WAIT, Watch, fleet, sign_up

TRIALS = 200


@pytest.fixture(scope="module")
def parts(module_database: Database, module_valkey: Valkey) -> Iterator[Parts]:
    """Run two instances whose servers can be broken."""
    # More threads than there are links: each link's change may wait in the same worker. And a
    # connection for each at hand, or what PostgreSQL answers late would be to making one.
    direct = {
        **module_database.environment,
        "GUNICORN_THREADS": "8",
        "POSTGRES_POOL_MIN": "8",
    }
    with Proxy(module_valkey.port) as redis, Proxy(int(direct["POSTGRES_PORT"])) as postgres:
        cache = redis.environment(module_valkey.environment())
        with fleet({**postgres.environment(direct), **cache}, {**direct, **cache}) as services:
            yield Parts(services, redis, postgres, module_valkey, module_database)


@pytest.fixture(scope="module")
def bearer(parts: Parts) -> dict[str, str]:
    """Sign somebody up."""
    return sign_up(parts.services[1], str(uuid.uuid4()))


def assert_in_force(scene: Scene, fault: Fault) -> None:
    """Change links under a fault, and look until 5 s are over."""
    watch = Watch(scene.parts.services, scene.codes)
    cold = fault is a_read_is_late  # whoever looked before it would have read before it
    with ExitStack() as stack:
        stack.callback(scene.parts.restore)
        if not cold:
            scene.warm()
            stack.enter_context(watch)
        changed = fault(scene)
        if cold:
            stack.enter_context(watch)
        for link in scene.links:
            watch.until(link.code, link.said, changed[link.code] + WAIT)
        time.sleep(max(0, max(changed.values()) + IN_FORCE + 0.5 - time.monotonic()))
    late = {
        link.method + link.behind: watch.last(link.code, OLD) - changed[link.code]
        for link in scene.links
        if watch.last(link.code, OLD) > changed[link.code] + IN_FORCE
    }
    assert not late, f"seconds after the change: {late}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_whatever_breaks_meanwhile(parts: Parts, bearer: dict[str, str], fault: Fault) -> None:
    assert_in_force(Scene(parts, bearer), fault)


def test_a_change_that_was_made_by_hand(parts: Parts, bearer: dict[str, str]) -> None:
    scene = Scene(parts, bearer)
    code = scene.codes[0]
    scene.warm()
    with Watch(parts.services, [code]) as watch:
        with parts.database.connect() as connection:
            connection.execute("UPDATE urls SET original_url = %s WHERE id = %s", (NEW, code))
        changed = time.monotonic()
        watch.until(code, NEW, changed + WAIT)

    assert watch.last(code, OLD) <= changed + IN_FORCE


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_changes(parts: Parts, bearer: dict[str, str]) -> None:
    scene = Scene(parts, bearer)
    for fault in itertools.islice(itertools.cycle(FAULTS), math.ceil(TRIALS / len(scene.links))):
        assert_in_force(scene, fault)
        scene = Scene(parts, bearer)
