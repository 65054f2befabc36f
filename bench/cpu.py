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
HOT = 200
"""Requests of a block on one link."""
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
            "off": Spec(SHORTENER, settings),
            "on": Spec(SHORTENER, observed, signals=True),
            "on, stock": Spec(SHORTENER, observed, signals=True, stock_spans=True),
            # Three workers' worth of caches: the second finds in Redis what the first put there.
            "postgresql": Spec(SHORTENER, settings),
            "redis": Spec(SHORTENER, settings),
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
        ("hot, on, stock", "on, stock", api),
        ("postgresql", "postgresql", cold),
        ("redis", "redis", cold),
        ("create", "off", create),
    ]


def rows(taken: Micros) -> list[Row]:
    """Return the table's rows."""
    bare = taken["bare"]
    stock = taken["stock"] - bare

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

    def ours(piece: str, without: str, named: str) -> Row:
        value = (taken[piece] - taken[without] - stock) / bare
        run = f"{taken[piece]:.0f} µs"
        return judged(named, run, value, 1.0, ratio=f"{value:+.2f}×", shown="+1.0×")

    return [
        Row("Bare Flask view", f"{bare:.0f} µs", "1.00×"),
        Row(
            "… with the stock Flask instrumentation",
            f"{taken['stock']:.0f} µs",
            f"{taken['stock'] / bare:.2f}×",
        ),
        ratio("hot, off", "Hot resolve, telemetry off", 1.4),
        ratio("redirect, off", "Hot redirect, telemetry off", 1.4),
        ours("hot, on", "hot, off", "Hot resolve, all signals on: ours beyond stock"),
        ours("redirect, on", "redirect, off", "Hot redirect, all signals on: ours beyond stock"),
        Row(
            "Hot resolve, all signals on, stock Flask instrumentation",
            f"{taken['hot, on, stock']:.0f} µs",
            f"{taken['hot, on, stock'] / taken['hot, on']:.2f}× ours",
        ),
        ratio("redis", "Resolve from Redis, telemetry off", 2.5),
        ratio("postgresql", "Resolve from PostgreSQL, telemetry off", 4.0),
        ratio("create", "Create, telemetry off", 5.0),
    ]
