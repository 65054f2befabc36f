"""The servers beside the service: they start, end and are started again as its databases are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import yaml

from local.observability.keeper import PUSH_PATH, READY_PATH
from local.ports import LOOPBACK, free_port, is_free
from local.server import NoAnswer, Server, ServerError

ROOT = Path(__file__).resolve().parents[2]
COLLECTOR = ROOT / "build" / "collector"
"""Where `make collector` leaves it."""
COLLECTOR_CONFIGURATION = ROOT / "docker" / "otelcol" / "config.yaml"
PROMETHEUS = ROOT / "docker" / "prometheus"

_PING_S = 2.0


def usual_or_free(port: int) -> int:
    """Return the port, or a free one if somebody has it."""
    return port if is_free(port) else free_port()


def collector_program() -> Path | None:
    """Return the Collector, `COLLECTOR` before the built one; None if there is none."""
    found = shutil.which(os.environ.get("COLLECTOR", str(COLLECTOR)))
    return Path(found) if found else None


def collector_configuration(otlp: int, page: int, traces: str) -> str:
    """Return the local stack's configuration on loopback, with spans sent to the URL `traces`."""
    config = yaml.safe_load(COLLECTOR_CONFIGURATION.read_text(encoding="utf-8"))
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"{LOOPBACK}:{otlp}"
    config["exporters"]["prometheus"]["endpoint"] = f"{LOOPBACK}:{page}"
    config["exporters"]["otlp_http/tempo"]["endpoint"] = traces
    # Its own metrics would listen at a fixed port.
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    return yaml.safe_dump(config)


class Keeper(Server):
    """Lines and spans by trace id, in the place of Loki and Tempo."""

    name = "Keeper"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        super().__init__(folder, port=port or usual_or_free(3100))
        self.url = f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return where lines go, and where doctor asks for them."""
        return {"LOKI_ENDPOINT": self.url + PUSH_PATH, "LOKI_QUERY_URL": self.url}

    def ping(self) -> None:
        """Ask whether it is ready."""
        _ask(self.url + READY_PATH)

    @property
    def where(self) -> str:
        """Say what it is for."""
        return f"{self.url}, lines and spans by trace id, in the place of Loki and Tempo"

    @property
    def _home(self) -> Path:
        return ROOT

    def _prepare(self) -> None:
        """Need nothing: it keeps all in memory."""

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-m", "local.observability.keeper", str(self.port)]


class Collector(Server):
    """An OpenTelemetry Collector under the local stack's own configuration."""

    name = "Collector"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, traces: str, port: int | None = None) -> None:
        """Settle the server; `traces` is the URL that spans are sent to."""
        super().__init__(folder, port=port or usual_or_free(4318))
        program = collector_program()
        if program is None:
            message = "no OpenTelemetry Collector: `make collector` builds one (needs Go)"
            raise ServerError(message)
        self._program = program
        self._traces = traces
        self.page_port = usual_or_free(8889)
        self.page = f"http://{LOOPBACK}:{self.page_port}/metrics"

    def environment(self) -> dict[str, str]:
        """Return where spans and metrics go, every five seconds: nobody likes to wait for 30."""
        endpoint = f"http://{LOOPBACK}:{self.port}"
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        }

    @property
    def where(self) -> str:
        """Say where it shows what it received."""
        return f"{LOOPBACK}:{self.port}, metrics at {self.page}"

    def ping(self) -> None:
        """See whether both of its ports take connections."""
        for port in (self.port, self.page_port):
            try:
                socket.create_connection((LOOPBACK, port), _PING_S).close()
            except OSError as error:
                raise NoAnswer(error) from error

    def _prepare(self) -> None:
        text = collector_configuration(self.port, self.page_port, self._traces)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return [str(self._program), "--config", str(self.folder / "config.yaml")]


class Prometheus(Server):
    """A Prometheus that reads the Collector, with our rules."""

    name = "Prometheus"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, target: int, port: int | None = None) -> None:
        """Settle the server; `target` is the port of the Collector's page."""
        super().__init__(folder, port=port or usual_or_free(9090))
        program = shutil.which("prometheus")
        if program is None:
            message = "prometheus is not installed (package prometheus)"
            raise ServerError(message)
        self._program = program
        self._target = target
        self.url = f"http://{LOOPBACK}:{self.port}"

    @property
    def where(self) -> str:
        """Say where a person looks."""
        return f"{self.url}/graph, its alerts at {self.url}/alerts"

    def environment(self) -> dict[str, str]:
        """Return nothing: the service does not know of it."""
        return {}

    def ping(self) -> None:
        """Ask whether it is ready."""
        _ask(f"{self.url}/-/ready")

    def _prepare(self) -> None:
        text = (PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8")
        config: dict[str, Any] = yaml.safe_load(text)
        config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
        (scrape,) = config["scrape_configs"]
        scrape["static_configs"] = [{"targets": [f"{LOOPBACK}:{self._target}"]}]
        (self.folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            f"--config.file={self.folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]


def _ask(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False  # no proxy is between us and loopback
        try:
            session.get(url, timeout=_PING_S).raise_for_status()
        except requests.RequestException as error:
            raise NoAnswer(error) from error
