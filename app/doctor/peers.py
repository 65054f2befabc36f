"""The peers of the service, with the commands that show how each is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from app.doctor.findings import Check, Finding, Progress, ok
from app.doctor.network import Peer, Unreachable, address_of, is_address, is_http_url, resolve
from app.doctor.situation import Situation

_OBSERVABILITY = (
    "aws servicediscovery discover-instances "
    "--namespace-name internal.tinyurl.local --service-name observability"
)
_RDS = (
    "aws rds describe-db-instances "
    "--query 'DBInstances[].[DBInstanceIdentifier,DBInstanceStatus,Endpoint.Address]'"
)
_ELASTICACHE = (
    "aws elasticache describe-replication-groups "
    "--query 'ReplicationGroups[].[ReplicationGroupId,Status]'"
)
_DOMAIN = "internal.tinyurl.local"


def postgresql(situation: Situation) -> Peer:
    """Return PostgreSQL."""
    at = situation.settings.postgres
    if situation.local:
        return _local(at.host, at.port, "PostgreSQL", "POSTGRES_HOST", "`make run` brings its own")
    return Peer(at.host, at.port, "PostgreSQL", "POSTGRES_HOST", _RDS, _RDS)


def redis(situation: Situation) -> Peer | None:
    """Return Redis or Valkey, None where none is configured."""
    at = situation.settings.redis
    if at is None:
        return None
    if situation.local:
        return _local(at.host, at.port, "Redis", "REDIS_ADDR", "`make run` brings its own")
    return Peer(at.host, at.port, "Redis", "REDIS_ADDR", _ELASTICACHE, _ELASTICACHE)


def collector(situation: Situation) -> Peer | None:
    """Return the OpenTelemetry Collector, None where none is configured."""
    url = situation.config.otlp_endpoint
    if url is None:
        return None
    return _observability(url, "the collector", "OTEL_EXPORTER_OTLP_ENDPOINT", situation)


def loki(situation: Situation, url: str | None = None) -> Peer | None:
    """Return Loki, or what answers queries for it at `url`; None where none is configured."""
    setting = "LOKI_QUERY_URL" if url else "LOKI_ENDPOINT"
    url = url or situation.config.loki_endpoint
    return None if url is None else _observability(url, "Loki", setting, situation)


def _observability(url: str, name: str, setting: str, situation: Situation) -> Peer:
    host, port = address_of(url)
    if not situation.local:
        return Peer(host, port, name, setting, _OBSERVABILITY, _OBSERVABILITY, _DOMAIN)
    return _local(host, port, name, setting, "`make observe` brings its own")


def _local(host: str, port: int, name: str, setting: str, without: str) -> Peer:
    """Return a peer on a developer's machine, where nobody but they know how it is started."""
    known = f"getent hosts {host}"
    start = f"Start {name} at {host}:{port}, anew if it hangs, or unset {setting}: {without}"
    return Peer(host, port, name, setting, start, known)


def names(situation: Situation) -> list[Check]:
    """Return one check of the DNS for each configured host that needs it."""
    peers = [postgresql(situation), redis(situation), collector(situation), loki(situation)]
    if situation.loki_query_url and is_http_url(situation.loki_query_url):
        peers.append(loki(situation, situation.loki_query_url))
    by_host = {peer.host: peer for peer in reversed(peers) if peer and _is_known(peer, situation)}
    return [
        Check((f"dns {host}",), partial(_check_name, peer))
        for host, peer in reversed(by_host.items())
        if not is_address(host)
    ]


def _is_known(peer: Peer, situation: Situation) -> bool:
    return not situation.wrong(peer.setting)


def _check_name(peer: Peer, progress: Progress) -> Iterator[Finding]:
    row = f"dns {peer.host}"
    try:
        addresses = resolve(peer, progress)
    except Unreachable as error:
        yield error.finding(row)
    else:
        yield ok(row, ", ".join(addresses[:4]))
