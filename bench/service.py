"""The running service: gunicorn with its workers on a loopback port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

import psutil

from bench.stores import ROOT
from local.ports import LOOPBACK, free_port
from local.process import Process

_READY_S = 30.0
_STOP_S = 60.0
_POLL_S = 0.005


class Service:
    """One gunicorn; `with Service(environment)` starts it, waits for an answer and ends it."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        workers: int = 1,
        threads: int = 4,
        app: str = "app.wsgi:app",
        ready: str = "/healthz",
        stock: bool = False,
    ) -> None:
        """Settle the command; `stock` is gunicorn's own gthread worker instead of ours."""
        self._app = app
        self._ready = ready
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.seconds_to_answer = 0.0
        self._arguments = _stock(self.port, workers, threads) if stock else []
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "MALLOC_ARENA_MAX": "2",  # as docker/Dockerfile
            **environment,
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(workers),
            "GUNICORN_THREADS": str(threads),
        }

    def __enter__(self) -> Self:
        """Start; RuntimeError with what it said if it does not answer within 30 s."""
        # What is logged goes down a pipe, as it does in a container.
        self._drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S607
        assert self._drain.stdin is not None
        self._errors = TemporaryFile()
        began = time.monotonic()
        self._process = Process(
            [sys.executable, "-m", "gunicorn", *self._arguments, self._app],
            stdout=self._drain.stdin,
            stderr=self._errors,
            env=self._environment,
            cwd=Path(ROOT),
        )
        self._drain.stdin.close()
        while not self._answers():
            if time.monotonic() - began > _READY_S or not self._process.running:
                self.__exit__()
                self._errors.seek(0)
                raise RuntimeError(self._errors.read().decode(errors="replace"))
            time.sleep(_POLL_S)
        self.seconds_to_answer = time.monotonic() - began
        return self

    def resident(self) -> list[int]:
        """Return the resident bytes of each worker."""
        return [psutil.Process(pid).memory_info().rss for pid in self._process.children()]

    def cpu(self) -> float:
        """Return the CPU seconds that the workers used so far."""
        times = [psutil.Process(pid).cpu_times() for pid in self._process.children()]
        return sum(taken.user + taken.system for taken in times)

    def __exit__(self, *_: object) -> None:
        """End it as a deployment would."""
        self._process.stop(signal.SIGTERM, _STOP_S)
        self._drain.wait(_STOP_S)

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.url + self._ready, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


def _stock(port: int, workers: int, threads: int) -> list[str]:
    return [
        *("--config", os.devnull, "--bind", f"{LOOPBACK}:{port}", "--keep-alive", "75"),
        *("--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)),
    ]
