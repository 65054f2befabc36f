"""All checks, in the order in which a person wants to read them."""

from __future__ import annotations

from functools import partial

from app.doctor import (
    clocks,
    collector,
    configuration,
    loki,
    origins,
    peers,
    postgresql,
    redis,
    requests,
    service,
    strength,
    workers,
)
from app.doctor.findings import Check
from app.doctor.reports import Gathering
from app.doctor.situation import Situation


def checks(situation: Situation) -> list[Check]:
    """Return the checks for what is configured."""
    gathering = Gathering(situation)
    gathering.start()
    return [
        Check((configuration.ROW,), partial(configuration.check_configuration, situation)),
        Check((strength.ROW,), partial(strength.check_secrets, situation)),
        Check((origins.ROW,), partial(origins.check_origins, situation)),
        Check((clocks.ROW,), partial(clocks.check_shutdown, situation)),
        *peers.names(situation),
        Check(postgresql.ROWS, partial(postgresql.check_postgresql, situation, gathering)),
        Check(requests.ROWS, partial(requests.check_requests, situation, gathering)),
        Check((redis.ROW,), partial(redis.check_redis, situation)),
        Check((collector.TRACES,), partial(collector.check_traces, situation)),
        Check((collector.METRICS,), partial(collector.check_metrics, situation)),
        Check(loki.ROWS, partial(loki.check_loki, situation)),
        Check(workers.ROWS, partial(workers.check_workers, situation, gathering)),
        Check((service.ALIVE,), partial(service.check_alive, situation)),
        Check((service.HEALTH,), partial(service.check_health, situation)),
    ]
