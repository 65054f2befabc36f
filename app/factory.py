"""The one place where everything is wired together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import telemetry
from app import metrics, targets
from app.access import Access
from app.accounts import Accounts
from app.blocking import Blocklist
from app.config import Settings
from app.ending import Ending
from app.fingerprints import fingerprints, shown, without_credentials
from app.keys import Keys
from app.links import Links
from app.listing import Lists
from app.managing import Managing
from app.model.worker_reports import VisitsState, WorkerReport
from app.passwords import Passwords
from app.repeating import Repeating
from app.reporting import Reporter
from app.routes.account import account_blueprint
from app.routes.accounts import accounts_blueprint
from app.routes.admission import Admission
from app.routes.client_addresses import ClientAddresses
from app.routes.console import console_blueprint
from app.routes.cors import Cors, answer_preflights
from app.routes.creating import creating_blueprint
from app.routes.creation import LinkCreation
from app.routes.direct_way import DirectWay, Visiting
from app.routes.errors import handle_errors
from app.routes.exports import exports_blueprint
from app.routes.flask_app import FlaskApp
from app.routes.forwarding import ForwardingNotes
from app.routes.health import health_blueprint
from app.routes.imports import imports_blueprint
from app.routes.keys import keys_blueprint
from app.routes.link_answers import LinkAnswers
from app.routes.links import links_blueprint
from app.routes.lists import lists_blueprint
from app.routes.managed_links import managed_links_blueprint
from app.routes.openapi import openapi_blueprint
from app.routes.origins import Origins
from app.routes.paths import AnyText, MergedSlashes
from app.routes.previews import previews_blueprint
from app.routes.redirects import redirects_blueprint
from app.routes.repeats import Repeats
from app.routes.request_ids import RequestIds
from app.routes.short_way import AtOnce, BothWays, Observe, Readings, ShortWay, never
from app.routes.site import site_blueprint
from app.routes.statistics import statistics_blueprint
from app.routes.visits import VisitAnswers
from app.storage.access import AccessTable
from app.storage.account_ends import AccountEnds, Sweeper
from app.storage.api_keys import ApiKeyTable, KeyUses
from app.storage.background import Background
from app.storage.cache import LinkCache
from app.storage.change_feed import MOST_REMEMBERED, ChangeFeed
from app.storage.creations import CreationCounts
from app.storage.database import Database
from app.storage.exports import ExportTable
from app.storage.health import HealthCheck
from app.storage.housekeeping import Housekeeping
from app.storage.idempotency import IdempotencyTable
from app.storage.imported_links import ImportedLinks
from app.storage.imports import ImportTable
from app.storage.link_lists import LinkLists
from app.storage.links import LinkTable
from app.storage.managed_links import ManagedLinkTable
from app.storage.rate_limits import RateLimits
from app.storage.redis import Redis
from app.storage.redis_feed import RedisFeed
from app.storage.statistics import StatisticsTable
from app.storage.tags import TagTable
from app.storage.users import UserTable
from app.storage.visit_claims import VisitClaims
from app.storage.visits import VisitTable
from app.storage.worker_reports import ReportFolder
from app.tokens import Tokens
from app.transfer.exporting import Exporting
from app.transfer.importing import Importing
from app.transfer.turns import TransferTurns
from app.visitors import Countries, Visitor
from app.visits import Visits, VisitSettings
from app.visits.sources import referring_host
from app.visits.statistics import Statistician
from app.visits.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class _Shared:
    """What many parts of the service use."""

    settings: Settings
    database: Database
    redis: Redis | None
    limits: RateLimits
    origins: Origins
    counts: CreationCounts
    uses: KeyUses


def create_app(settings: Settings) -> Flask:
    """Return the service; connections are opened here, so call it after the fork."""
    app = FlaskApp(__name__, static_folder=None)
    direct = DirectWay(app.wsgi_app)
    app.wsgi_app = direct  # type: ignore[method-assign]
    observe = telemetry.instrument(app)

    shared = _share(settings)
    links, managing, feed, cache = _links(shared)
    background = _background(shared, feed)
    countries = Countries(settings.country_header, settings.geoip_database)
    visits, upkeep = _visits(shared, countries)
    answers = VisitAnswers(
        settings.redirect_status, visits.record, visitor=partial(Visitor, country=countries)
    )
    visiting = Visiting(links, shared.limits, answers)

    _settle(app)
    for blueprint in _blueprints(shared, links, managing, cache, visiting):
        app.register_blueprint(blueprint)
    notes = _wrap(app, settings, direct, visiting, observe)

    _observe(shared)
    reporter = _reporter(shared, notes, partial(_waiting, visits, upkeep))
    app.extensions["worker_start"] = (reporter.start,)
    app.extensions["worker_exit"] = (
        reporter.stop,
        *((upkeep.stop,) if upkeep else ()),
        visits.stop,
        background.stop,
        shared.database.close,
        *((shared.redis.close,) if shared.redis else ()),
    )
    shared.database.open()
    background.start()
    visits.start()
    if upkeep:
        upkeep.start()
    return app


def _share(settings: Settings) -> _Shared:
    redis = Redis(settings.redis) if settings.redis else None
    return _Shared(
        settings,
        Database(settings.postgres, concurrent=_all_but_one(settings)),
        redis,
        RateLimits(settings.rate_limits, redis, settings.jwt_secret),
        Origins(settings.cors_origins),
        CreationCounts(),
        KeyUses(),
    )


def _all_but_one(settings: Settings) -> int:
    """Return how many threads slow dependencies or password hashing may take: one stays free."""
    return max(1, settings.threads - 1)


def _background(shared: _Shared, feed: ChangeFeed) -> Background:
    return Background(
        shared.settings.postgres,
        {
            "Changes of links cannot be read": feed.look,
            "Who makes links cannot be noted": shared.counts.write,
            "Uses of keys cannot be noted": shared.uses.write,
            "What has had its time cannot be forgotten": Housekeeping(),
            "Links of deleted accounts cannot be taken": Sweeper(),
        },
    )


def _blueprints(
    shared: _Shared, links: Links, managing: Managing, cache: LinkCache, visiting: Visiting
) -> tuple[Blueprint, ...]:
    """Return all routes, the general ones last."""
    settings, database, origins = shared.settings, shared.database, shared.origins
    admission, access = _access(shared)
    answers = LinkAnswers(settings.public_base_url, links.blocklist)
    creation = LinkCreation(links, managing, answers, shared.counts)
    repeats = Repeats(Repeating(IdempotencyTable(database)))
    lists = Lists(LinkLists(database), TagTable(database))
    exporting, importing = _transfers(settings.threads, database, cache)
    return (
        health_blueprint(
            postgres=HealthCheck(database).is_healthy,
            redis=shared.redis.is_healthy if shared.redis else lambda: False,
            telemetry=telemetry.health,
            prometheus=telemetry.prometheus_text if settings.local else None,
        ),
        creating_blueprint(creation, repeats, admission, origins),
        lists_blueprint(lists, admission, answers, origins),
        managed_links_blueprint(links, managing, admission, answers, origins),
        statistics_blueprint(Statistician(StatisticsTable(database)), admission),
        exports_blueprint(exporting, admission),
        imports_blueprint(importing, links, admission, origins, shared.counts),
        links_blueprint(links, admission, visiting),
        *access,
        openapi_blueprint(
            shared.limits, redirect_status=settings.redirect_status, base=settings.public_base_url
        ),
        console_blueprint(shared.limits, enabled=settings.console),
        site_blueprint(shared.limits, root=settings.root_redirect_url, console=settings.console),
        previews_blueprint(links, admission, answers),
        redirects_blueprint(visiting),
    )


def _wrap(
    app: Flask,
    settings: Settings,
    direct: DirectWay,
    visiting: Visiting,
    observe: Observe | None,
) -> ForwardingNotes:
    """Put around Flask what every request goes through, and open the ways of a visit before it.

    Return the notes of how requests came through proxies.
    """
    notes = ForwardingNotes()
    proxies = settings.trusted_proxies
    app.wsgi_app = MergedSlashes(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = ClientAddresses(app.wsgi_app, proxies, notes)  # type: ignore[method-assign]
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=0, x_proto=proxies, x_host=0)  # type: ignore[method-assign]
    cors = Cors(app, settings.cors_origins)
    at_once: AtOnce = never
    if observe is not None:
        readings = Readings(app, proxies)
        at_once = ShortWay(
            visiting.links, visiting.limits, visiting.answers, cors, readings, observe
        )
        direct.open(visiting, readings, telemetry.tell_route)
    app.wsgi_app = BothWays(at_once, RequestIds(cors))  # type: ignore[method-assign]
    app.extensions["at_once"], app.extensions["direct_way"] = at_once, direct
    return notes


def _settle(app: Flask) -> None:
    """Set what all routes have in common."""
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["text"] = AnyText
    answer_preflights(app)
    handle_errors(app)


def _access(shared: _Shared) -> tuple[Admission, tuple[Blueprint, ...]]:
    """Return who is let in, and the routes of accounts and keys."""
    settings, database, limits = shared.settings, shared.database, shared.limits
    passwords = Passwords(max(1, settings.threads // 2), admitted=_all_but_one(settings))
    tokens = Tokens(settings.jwt_secret, settings.jwt_secret_previous)
    users = UserTable(database)
    known = Access(tokens, AccessTable(database), shared.uses)
    admission = Admission(known, limits)
    accounts = Accounts(users, passwords, tokens)
    keys = Keys(ApiKeyTable(database), known)
    ending = Ending(users, AccountEnds(database), passwords, tokens, known)
    return admission, (
        accounts_blueprint(accounts, limits, shared.origins),
        account_blueprint(ending, keys, admission, limits, shared.origins),
        keys_blueprint(keys, admission, shared.origins),
    )


def _links(shared: _Shared) -> tuple[Links, Managing, ChangeFeed, LinkCache]:
    """Return the use cases of links, and what keeps their cache current."""
    settings, database, redis = shared.settings, shared.database, shared.redis
    blocklist = Blocklist()
    feed = ChangeFeed(blocklist, RedisFeed(redis, MOST_REMEMBERED) if redis else None)
    cache = LinkCache(redis, feed)
    links = Links(
        LinkTable(database),
        cache,
        own_hosts=_own_hosts(settings.public_base_url),
        local=settings.local,
        blocklist=blocklist,
    )
    managing = Managing(ManagedLinkTable(database), cache, anonymous=settings.anonymous_fields)
    return links, managing, feed, cache


def _transfers(threads: int, database: Database, cache: LinkCache) -> tuple[Exporting, Importing]:
    """Return the use cases of exports and imports; half of the threads are never theirs."""
    quarter = max(1, threads // 4)
    turns = TransferTurns(quarter)
    importing = Importing(ImportTable(database), ImportedLinks(database), cache, turns)
    return Exporting(ExportTable(database), TransferTurns(quarter)), importing


def _waiting(visits: Visits, upkeep: Upkeep | None) -> VisitsState:
    return msgspec.structs.replace(visits.state(), upkeep=upkeep.failure if upkeep else "")


def _reporter(
    shared: _Shared, notes: ForwardingNotes, waiting: Callable[[], VisitsState]
) -> Reporter:
    settings = shared.settings

    def collect(slot: int) -> tuple[WorkerReport, int]:
        report, unwritten = _report(shared, slot, notes)
        return msgspec.structs.replace(report, visits=waiting()), unwritten

    return Reporter(
        collect, lambda: fingerprints(settings), ReportFolder(settings.port), shared.redis
    )


def _report(shared: _Shared, slot: int, notes: ForwardingNotes) -> tuple[WorkerReport, int]:
    settings, database, redis = shared.settings, shared.database, shared.redis
    described = telemetry.describe()
    report = WorkerReport(
        task=described.instance,
        slot=slot,
        pid=os.getpid(),
        version=described.version,
        environment=settings.env,
        taken_at=time.time(),
        port=settings.port,
        address=database.address,
        settings={
            **shown(settings),
            "OTEL_EXPORTER_OTLP_ENDPOINT": without_credentials(described.otlp_endpoint),
            "LOKI_ENDPOINT": without_credentials(described.loki_endpoint),
            "OTEL_TRACES_SAMPLER": described.sampler,
            "LOG_LEVEL": described.log_level,
        },
        postgresql=database.state(),
        redis=redis.state() if redis else None,
        telemetry=dict(described.works),
        forwarding=notes.summary(),
    )
    return report, described.unwritten


def _observe(shared: _Shared) -> None:
    database, redis = shared.database, shared.redis
    metrics.observe_pool(database.statistics)
    metrics.observe_database_waiting(database.waiting)
    metrics.observe_breaker("postgresql", lambda: database.breaker.is_open)
    if redis:
        metrics.observe_breaker("redis", lambda: redis.breaker.is_open)


def _visits(shared: _Shared, countries: Countries) -> tuple[Visits, Upkeep | None]:
    """Return what counts visits, and what looks after their tables, if that is ours to do."""
    settings, database = shared.settings, shared.database
    own = (settings.public_base_url, *settings.cors_origins)
    counting = VisitSettings(
        settings.visits.track_visitors,
        countries,
        own_hosts=frozenset(host for url in own if url and (host := referring_host(url))),
    )
    visits = Visits(VisitTable(database), counting)
    return visits, Upkeep(VisitClaims(database)) if settings.visits.upkeep else None


def _own_hosts(public_base_url: str | None) -> frozenset[str]:
    host = targets.authority(public_base_url) if public_base_url else None
    return frozenset() if host is None else frozenset({host})
