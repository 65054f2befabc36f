"""CPU time a request takes, in ratios to a bare Flask view measured in turns with it."""

from __future__ import annotations

from contextlib import ExitStack

from bench.links import CODE, fill
from bench.peers import Peers
from bench.stores import Stores
from bench.subject import BARE, INSTRUMENTED, SHORTENER, Spec, Subject
from bench.table import Row, judged
from bench.wsgi import Call

ROUNDS = 40
HOT = 1000
"""Requests of a block on one link: of a second at a tenth of what one core answers.

Once a second a worker writes what it has counted and pushes its lines, and so does a block."""
COLD = 80
"""Requests of a block on links that are each asked for once."""
_LINKS = (ROUNDS + 1) * COLD

Micros = dict[str, float]


def measure(stores: Stores, rounds: int = ROUNDS) -> Micros:
    """Return microseconds of CPU a request, the best of the rounds, by piece."""
    with ExitStack() as stack:
        peers = stack.enter_context(Peers())
        with stores.postgresql.connect() as connection:
            fill(connection, _LINKS, owners=10)
        settings = stores.environment()
        observed = {**settings, **peers.environment}
        specs = {
            "bare": Spec(BARE),
            "stock": Spec(INSTRUMENTED, peers.environment, signals=True),
            "off": Spec(SHORTENER, settings, counting=False),
            "on": Spec(SHORTENER, observed, signals=True),
            "on, not counted": Spec(SHORTENER, observed, signals=True, counting=False),
            "on, stock": Spec(SHORTENER, observed, signals=True, stock_spans=True),
            # Three workers' worth of caches: the second finds in Redis what the first put there.
            "postgresql": Spec(SHORTENER, settings, counting=False),
            "redis": Spec(SHORTENER, settings, counting=False),
            "redis, counted": Spec(SHORTENER, settings),
        }
        subjects = {name: stack.enter_context(Subject(spec)) for name, spec in specs.items()}
        best: Micros = {}
        for number in range(rounds + 1):
            for piece, subject, calls in _blocks(number):
                taken = subjects[subject].run(calls).cpu * 1e6
                # The first round warms up: statements are prepared, caches filled.
                if number:
                    best[piece] = min(taken, best.get(piece, taken))
        return best


def _blocks(number: int) -> list[tuple[str, str, list[Call]]]:
    api = [Call("GET", f"/api/{CODE.format(1)}", "200")] * HOT
    redirect = [Call("GET", f"/{CODE.format(1)}", "302")] * HOT
    place = range(number * COLD, (number + 1) * COLD)
    cold = [Call("GET", f"/api/{CODE.format(link)}", "200") for link in place]
    create = [
        Call("POST", "/api/", "201", b'{"url":"https://example.org/new/%d"}' % link)
        for link in place
    ]
    return [
        ("bare", "bare", api),
        ("stock", "stock", api),
        ("hot, off", "off", api),
        ("redirect, off", "off", redirect),
        ("hot, on", "on", api),
        ("redirect, on", "on", redirect),
        ("hot, on, not counted", "on, not counted", api),
        ("redirect, on, not counted", "on, not counted", redirect),
        ("hot, on, stock", "on, stock", api),
        ("postgresql", "postgresql", cold),
        ("redis", "redis", cold),
        ("redis, counted", "redis, counted", cold),
        ("create", "off", create),
    ]


def rows(taken: Micros) -> list[Row]:
    """Return the table's rows."""
    bare = taken["bare"]

    def ratio(piece: str, named: str, budget: float) -> Row:
        value = taken[piece] / bare
        return judged(
            named,
            f"{taken[piece]:.0f} µs",
            value,
            budget,
            ratio=f"{value:.2f}×",
            shown=f"{budget}×",
        )

    def counting(piece: str, named: str) -> Row:
        more = taken[piece] - taken[f"{piece}, not counted"]
        run = f"{more:+.0f} µs"
        return judged(named, run, more / bare, 0.15, ratio=f"{more / bare:+.2f}×", shown="+0.15×")

    return [
        Row("Bare Flask view", f"{bare:.0f} µs", "1.00×"),
        Row(
            "… with the stock Flask instrumentation",
            f"{taken['stock']:.0f} µs",
            f"{taken['stock'] / bare:.2f}×",
        ),
        ratio("hot, off", "Hot resolve, telemetry and counting off", 0.35),
        ratio("redirect, off", "Hot redirect, telemetry and counting off", 0.35),
        ratio("hot, on", "Hot resolve, all signals and counting on", 1.5),
        ratio("redirect, on", "Hot redirect, all signals and counting on", 1.5),
        counting("hot, on", "… what counting a resolve adds"),
        counting("redirect, on", "… what counting a redirect adds"),
        Row(
            "Hot resolve, all signals on, stock Flask instrumentation",
            f"{taken['hot, on, stock']:.0f} µs",
            f"{taken['hot, on, stock'] / taken['hot, on']:.2f}× ours",
        ),
        ratio("redis", "Resolve from Redis, telemetry off", 2.0),
        Row(
            "… counted and written, each link for the first time",
            f"{taken['redis, counted']:.0f} µs",
            f"{taken['redis, counted'] / bare:.2f}×",
        ),
        ratio("postgresql", "Resolve from PostgreSQL, telemetry off", 3.7),
        ratio("create", "Create, telemetry off", 5.0),
    ]
