"""How gunicorn runs the service: `gunicorn 'app.wsgi:app'` reads this file by itself.

The hooks carry the life of the telemetry; docs/decisions/0003-telemetry.md has the whole table.
"""

import contextlib
import gc
import importlib
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import telemetry
from app.config import Settings, SettingsError
from app.server.limits import connections_for
from app.server.worker import Worker, keep_signals_over_forks
from telemetry.gunicorn_logger import Logger

DRAIN = 30
"""Seconds a stopping worker gives to requests in flight (spec: "até 30 segundos"); the first of
them, SHUTDOWN_DELAY, also to new ones."""
CLOSE_APP = 4
"""Seconds for what the application itself wants to finish before telemetry stops: visits that are
counted and not written yet, above all."""
FLUSH = 13
"""Seconds for spans, metrics and logs together; see telemetry.stop."""

_mistakes = []
try:
    _settings = Settings.from_env(os.environ)
except SettingsError as error:
    _mistakes += error.mistakes
    _settings = None
try:
    _telemetry = telemetry.Config.from_env(os.environ, version("fonsecaaso-shortener"))
except telemetry.ConfigError as error:
    # Both read ENV and the like: say it once.
    _mistakes += [line for line in error.mistakes if line not in _mistakes]
    _telemetry = None

# --- Workers ---------------------------------------------------------------------------------
# 0.5 to 2 vCPU: two processes use two cores and let one recycle while the other serves; four
# threads each overlap waits for PostgreSQL and Redis. More threads only queue for the GIL.
worker_class = Worker
workers = _settings.workers if _settings else 1
threads = _settings.threads if _settings else 1
timeout = 30
if Path("/dev/shm").is_dir():  # noqa: S108  # heartbeat files on a disk can stall (gunicorn FAQ)
    worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True  # its folder is not writable on a read-only root

# --- Connections -----------------------------------------------------------------------------
_local = _settings is not None and _settings.local
bind = f"{'127.0.0.1' if _local else '0.0.0.0'}:{_settings.port if _settings else 8080}"  # noqa: S104
# A worker's own files: the SDK, pools and sockets of telemetry some 40, and a few for each thread.
_own_descriptors = 64 + 8 * threads
worker_connections = connections_for(
    descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0], wanted=1000, own=_own_descriptors
)
sendfile = False  # it would wait in its thread for a client that does not read
keepalive = 75  # longer than the load balancer's idle timeout of 60 s
# Forwarded headers are ProxyFix's alone (TRUSTED_PROXIES): gunicorn believes none of them.
forwarded_allow_ips = ""
secure_scheme_headers = {}

# --- Clocks ----------------------------------------------------------------------------------
# Master and worker read the same setting; a worker that drained for all of it would be killed
# before it could flush. So the master waits longer, and post_fork gives the worker its own 30 s.
graceful_timeout = DRAIN + CLOSE_APP + FLUSH

# --- Logs ------------------------------------------------------------------------------------
telemetry.log_to_stdout(_telemetry)
logger_class = Logger


SHORTENER = "app.wsgi"
"""What production serves; tests serve others, which need none of its code."""


def on_starting(server):
    """Refuse a wrong environment at once; else learn where we run (once, in the master)."""
    if _mistakes:
        sys.stderr.write("".join(f"{line}\n" for line in _mistakes))
        raise SystemExit(3)
    keep_signals_over_forks()
    server.telemetry_config = telemetry.prepare(_telemetry)
    if server.app.app_uri.startswith(SHORTENER):
        _load_code()


def _load_code():
    """Load once what each worker needs: a new one serves a second earlier, from shared memory.

    Loading opens nothing and starts nothing; that is `create_app`'s, after the fork.
    """
    # A worker that cannot load it either says so in its logs, which reach Loki.
    with contextlib.suppress(Exception):
        importlib.import_module("app.factory")
    # What is never looked at by the garbage collector is not copied by it (gc.freeze's docs).
    gc.freeze()


def pre_fork(server, worker):
    """Give the worker the lowest slot no living worker holds; learn the task's name till known."""
    server.telemetry_config = telemetry.prepare(server.telemetry_config)
    taken = {living.slot for living in server.WORKERS.values()}
    worker.slot = min(set(range(len(taken) + 1)) - taken)


def post_fork(server, worker):
    """Start telemetry before the application is loaded; nothing here may touch the network."""
    worker.inherited_signals = server.SIG_QUEUE
    worker.cfg.set("graceful_timeout", DRAIN)
    worker.shutdown_delay = _settings.shutdown_delay
    worker.flush_budget = FLUSH
    telemetry.start(server.telemetry_config, worker.slot)


def post_worker_init(worker):
    """Begin what the application wants to do beside serving requests."""
    for begin in getattr(worker.wsgi, "extensions", {}).get("worker_start", ()):
        begin(worker.slot)


def worker_abort(worker):
    """Hurry: the master sends SIGKILL about a second after SIGABRT."""
    worker.flush_budget = 0.8


def worker_exit(server, worker):  # noqa: ARG001
    """Flush, then end the process, whatever its threads are stuck in."""
    if os.getpid() != worker.pid:
        return  # the master calls this too, for a worker that had vanished
    status = sys.exc_info()[1]
    code = status.code if isinstance(status, SystemExit) else 1
    # In a hurry (SIGABRT, SIGINT after SIGTERM) both share what the master leaves them.
    hurried = worker.flush_budget < FLUSH
    deadline = time.monotonic() + worker.flush_budget + (0 if hurried else CLOSE_APP)
    try:
        worker.close_app(min(CLOSE_APP, worker.flush_budget / 2))
        telemetry.stop(min(worker.flush_budget, deadline - time.monotonic()))
    finally:
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)
