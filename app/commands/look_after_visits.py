"""The console command `look-after-visits`: folds, makes and drops what counting visits needs.

The service runs it by itself, once a minute for all workers together; whoever switches that off
(VISITS_UPKEEP=false) runs it from elsewhere, at the least once a month.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import psycopg

from app.commands.pid_option import add_pid, become
from app.config import SettingsError, postgres_from_env, visits_from_env
from app.storage.causes import database_cause
from app.storage.visit_upkeep import look_after


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is to be done once and say what it was; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="look-after-visits",
        description="Fold, make and drop what counting visits needs; run again, it does nothing.",
        epilog="exit status: 0 done, 1 refused, 2 called wrongly, 3 a variable makes no sense",
    )
    add_pid(parser)
    given = parser.parse_args(arguments)
    if given.pid is not None:
        become(given.pid, parser)
    try:
        settings, policy = postgres_from_env(os.environ), visits_from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        done = look_after(settings, policy)
    except psycopg.Error as error:
        print(f"look-after-visits: PostgreSQL refused: {database_cause(error)}", file=sys.stderr)
        return 1
    print(
        f"folded {done.visitors} rows of visitors and {done.slots} of hours;"
        f" {done.months_made} tables made, {done.months_dropped} dropped"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
