"""The console command `doctor`: what is wrong, why, and what to do next."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from app.commands.numbers import between
from app.commands.pid_option import add_pid, become
from app.doctor.checks import checks
from app.doctor.report import as_json, as_table, exit_status
from app.doctor.run import run
from app.doctor.situation import Options, Situation

_EPILOG = """\
Reads the same environment variables as the service and looks at everything it needs, side by
side, two seconds each: configuration, secrets, CORS, shutdown clocks, DNS, PostgreSQL (schema,
connections, writes, clock; what requests do is done and rolled back; who holds a lock), Redis, the
collector (sends a span and a metric), Loki (pushes a line), and the service itself where it runs
on this machine. It writes nothing else but a key in Redis that goes away after ten seconds.
Secrets are never printed. A next step is a sentence, or a command to be pasted as it is.

exit status:
  0  all is well (what is not configured is skipped)
  1  something fails
  2  doctor was called wrongly
  3  nothing fails, but something should be looked at

examples:
  doctor                             in the container, or as a one-off task
  doctor --pid 1                     with the variables of the running service
  doctor --json | jq '.checks[] | select(.status == "fail")'
  make doctor                        for a running `make run`
"""
_MOST_TASKS = 10_000
_LONGEST_STOP = 24 * 3600
"""Seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, and return the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    folder = _folder()
    if given.pid is not None:
        become(given.pid, parser)
    # Libraries' own words, which may hold anything, are replaced by ours.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    options = Options(given.tasks, given.stop_timeout, given.loki_query_url, given.pid, folder)
    situation = Situation.of(os.environ, options)
    begun = time.monotonic()
    examined = run(checks(situation))
    seconds = time.monotonic() - begun
    secrets = situation.secrets()
    if given.json:
        print(as_json(examined, seconds, secrets))
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(as_table(examined, seconds, secrets, width=width, colour=colour))
    status = exit_status(finding for each in examined for finding in each.findings)
    if any(each.hung for each in examined):
        # A thread that waits in a library must not hold up, or crash, the end of the process.
        sys.stdout.flush()
        os._exit(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor",
        description="Find out what is wrong with the shortener, or with what it depends on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    add_pid(parser)
    parser.add_argument(
        "--tasks",
        type=between(1, _MOST_TASKS),
        metavar="N",
        help="tasks that share the database (default: those that report; else 2, as released, and "
        "1 where ENV=local)",
    )
    parser.add_argument(
        "--stop-timeout",
        type=between(1, _LONGEST_STOP),
        metavar="SECONDS",
        help="the task's stopTimeout (default: of ./task-definition.json, else 60)",
    )
    parser.add_argument(
        "--loki-query-url",
        metavar="URL",
        help="where Loki answers queries, such as http://loki:3100 (default: LOKI_QUERY_URL)",
    )
    return parser


def _folder() -> str:
    """Return where this command lies, as short as it can be typed from here."""
    folder = Path(sys.argv[0]).resolve().parent
    with contextlib.suppress(ValueError):
        folder = folder.relative_to(Path.cwd())
    return f"{folder}/"


if __name__ == "__main__":
    sys.exit(main())
