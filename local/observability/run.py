"""`make run` with a Collector, Prometheus and a keeper of lines and spans beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from local.observability.servers import Collector, Keeper, Prometheus
from local.run import Run
from local.server import ServerError

_RECORD = "observed.json"


@dataclass(frozen=True)
class Observed:
    """Where a running `make observe` is to be asked."""

    service: str
    keeper: str
    page: str
    """Of the Collector, for Prometheus."""
    prometheus: str | None

    def write(self, folder: Path) -> None:
        """Leave it in the run's folder."""
        (folder / _RECORD).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what the last run left; OSError if there was none."""
        return cls(**json.loads((folder / _RECORD).read_text(encoding="utf-8")))


class ObservedRun(Run):
    """The service, its databases, and what takes its three signals."""

    def _provide_more(self) -> None:
        folder = self.folder.path
        keeper = Keeper(folder / "keeper")
        collector = Collector(folder / "collector", traces=keeper.url)
        for server in (keeper, collector):
            self._start(server)
            self.environment |= server.environment()
        Observed(
            service=self.url,
            keeper=keeper.url,
            page=collector.page,
            prometheus=self._prometheus(folder, collector.page_port),
        ).write(folder)
        self.lines.append("Then        make trace, for one request's log line, trace and metric")

    def _prometheus(self, folder: Path, target: int) -> str | None:
        try:
            server = Prometheus(folder / "prometheus", target=target)
        except ServerError as error:
            # The Collector's page has the same series, and the exemplars that lead to a trace.
            self.lines.append(f"Prometheus  none: {error}")
            return None
        self._start(server)
        return server.url
