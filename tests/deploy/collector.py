"""A real OpenTelemetry Collector under the local stack's own configuration, where it is built."""

import os
import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "docker" / "otelcol" / "config.yaml"
BUILT = ROOT / "build" / "collector"
"""Where `make collector` leaves it."""


def program() -> Path | None:
    """Return the collector, `COLLECTOR` before the built one; None if there is none."""
    found = shutil.which(os.environ.get("COLLECTOR", str(BUILT)))
    return Path(found) if found else None


def configuration(otlp: int, page: int, traces: str) -> str:
    """Return the stack's configuration on loopback, at these ports, with traces sent to a URL."""
    config = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"127.0.0.1:{otlp}"
    config["exporters"]["prometheus"]["endpoint"] = f"127.0.0.1:{page}"
    config["exporters"]["otlp_http/tempo"]["endpoint"] = traces
    # Its own metrics would listen at a fixed port.
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    return yaml.safe_dump(config)
