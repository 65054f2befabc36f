"""`make bench-load`: the running service under wrk, with 1, 2 and 4 workers, well and ill."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench import aim, picture, report
from bench.aim import BARE
from bench.links import code, fill
from bench.measured import HEAD, Measured, Shape
from bench.peers import HANGS, REFUSES, Peers
from bench.service import Service
from bench.stores import ROOT, Stores, stores
from bench.table import render, write, write_json
from bench.wrk import drive, wrk

RESULTS = ROOT / "bench" / "results"
PICTURE = ROOT / "docs" / "performance.svg"
SECONDS = 4.0
ROUNDS = 4
STEPS = (1, 2, 4, 8, 16, 32, 64)
LINKS = 50_000
AIM = "aim"
_MIB = 1 << 20

# One link over and over is what a cache is for; `cold` asks all over the table.
_SCRIPTS = {
    "resolve": 'request = function() return wrk.format("GET", "/api/{hot}") end',
    "redirect": 'request = function() return wrk.format("GET", "/{hot}") end',
    "cold": """
        request = function()
          return wrk.format("GET", string.format("/api/%06d", math.random(0, {links} - 1)))
        end""",
    "create": """
        local thread = 0
        function setup(t) t:set("number", thread); thread = thread + 1 end
        local count, start = 0, os.time()
        function request()
          count = count + 1
          local body = string.format('{{"url":"https://example.org/%d/%d/%d/{run}"}}',
            start, number, count)
          return wrk.format("POST", "/api/", {{["Content-Type"] = "application/json"}}, body)
        end""",
}
_PAUSE = "\nfunction delay() return math.random(0, {longest}) end\n"


class Bench:
    """The measurements; each one prints its line at once."""

    def __init__(self, made: Stores, folder: Path, seconds: float, rounds: int) -> None:
        self._stores = made
        self._folder = folder
        self._seconds = seconds
        self.rounds = rounds
        self._runs = 0
        self.measured: list[Measured] = []

    @contextmanager
    def service(self, signals: str, workers: int, threads: int) -> Iterator[Service]:
        """Run the service with `on`, `off`, or one of the faults."""
        with ExitStack() as stack:
            settings = self._stores.environment()
            if signals == "collector hangs":
                settings |= self._mixed(stack, HANGS, 0)
            elif signals == "Loki refuses":
                settings |= self._mixed(stack, REFUSES, 1)
            elif signals not in {"off", BARE}:
                settings |= stack.enter_context(Peers()).environment
            if signals == "on, Redis away":
                settings["REDIS_ADDR"] = "127.0.0.1:1"
            served = partial(Service, settings, workers=workers, threads=threads)
            if signals == BARE:
                served = partial(served, app="bench.bare:app", ready="/api/x", stock=True)
            yield stack.enter_context(served())

    def _mixed(self, stack: ExitStack, mood: str, place: int) -> dict[str, str]:
        well = stack.enter_context(Peers()).environment
        name = ("OTEL_EXPORTER_OTLP_ENDPOINT", "LOKI_ENDPOINT")[place]
        return {**well, name: stack.enter_context(Peers(mood)).environment[name]}

    def compare(
        self, shapes: Sequence[Shape], kinds: Sequence[str], connections: Sequence[int] = (16,)
    ) -> None:
        """Drive services in turns, so that a busy neighbour meets all; the best round counts."""
        with ExitStack() as stack:
            services = {shape: stack.enter_context(self.service(*shape)) for shape in shapes}
            for kind, count in itertools.product(kinds, connections):
                best: dict[Shape, Measured] = {}
                for _ in range(self.rounds):
                    for shape, service in services.items():
                        if shape[0] == BARE and kind != "resolve":
                            continue
                        taken = self.run(service, kind, shape, count)
                        if shape not in best or taken.load.rate > best[shape].load.rate:
                            best[shape] = taken
                for measured in best.values():
                    print(measured.text(), flush=True)
                self.measured += best.values()

    def run(
        self,
        service: Service,
        what: str,
        shape: Shape,
        connections: int,
        *,
        pause: float = 0.0,
        seconds: float | None = None,
    ) -> Measured:
        """Drive a service once; each connection rests for `pause` milliseconds on average."""
        self._runs += 1
        script = self._folder / f"{what}-{self._runs}.lua"
        text = _SCRIPTS[what].format(hot=code(1), links=LINKS, run=self._runs)
        if pause:
            text += _PAUSE.format(longest=round(2 * pause))
        script.write_text(text)
        used = service.cpu()
        load = drive(service.url, script, connections=connections, seconds=seconds or self._seconds)
        cpu = (service.cpu() - used) * 1000 / max(load.requests, 1)
        resident = sum(service.resident()) / _MIB
        what = f"{what}, half load" if pause else what
        return Measured(what, *shape, connections, load, cpu, resident)


def workers_and_signals(bench: Bench) -> None:
    """1, 2 and 4 workers; everything on, everything off."""
    for workers in (1, 2, 4):
        shapes = [(signals, workers, 4) for signals in (BARE, "off", "on")]
        bench.compare(shapes, ("resolve", "redirect", "cold", "create"))


def faults(bench: Bench) -> None:
    """What must not be felt."""
    kinds = ("on", "on, Redis away", "collector hangs", "Loki refuses")
    bench.compare([(kind, 2, 4) for kind in kinds], ("resolve", "create"))


def threads(bench: Bench) -> None:
    """How many threads a worker serves best with."""
    shapes = [("on", 2, count) for count in (1, 2, 3, 4, 6, 8)]
    bench.compare(shapes, ("resolve", "cold", "create"))


def steps(bench: Bench) -> None:
    """Throughput and p99 against load."""
    bench.compare([("on", 2, 4)], ("resolve", "create"), STEPS)


def main() -> int:
    """Measure what was asked for, print it, keep it as JSON and as a picture."""
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parts = {"workers": workers_and_signals, "faults": faults, "threads": threads, "steps": steps}
    parser.add_argument("parts", nargs="*", choices=[AIM, *parts, []])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the best counts")
    given = parser.parse_args()
    if wrk() is None:
        print(
            "make bench-load needs wrk: apt-get install wrk, or brew install wrk", file=sys.stderr
        )
        return 2
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        stores(Path(folder)) as made,
        made.postgresql.connect() as connection,
    ):
        fill(connection, LINKS, owners=1000)
        if not given.parts or AIM in given.parts:
            bench = Bench(made, Path(folder), given.seconds, given.rounds)
            rows = aim.measure(bench)
            print(render(rows), flush=True)
            write(RESULTS / "load-aim.json", rows)
        print(HEAD, flush=True)
        for name in given.parts or parts:
            if name == AIM:
                continue
            bench = Bench(made, Path(folder), given.seconds, given.rounds)
            parts[name](bench)
            lines = [asdict(measured) for measured in bench.measured]
            table = "\n".join([HEAD, *(measured.text() for measured in bench.measured)])
            write_json(RESULTS / f"load-{name}.json", lines, table)
            if name == "steps":
                picture.draw(PICTURE, bench.measured)
    report.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
