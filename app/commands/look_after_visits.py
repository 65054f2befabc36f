"""The console command `look-after-visits`: folds, makes and drops what counting visits needs.

The service runs it by itself, once a minute for all workers together; whoever switches that off
(VISITS_UPKEEP=false) runs it from elsewhere, at the least once a month.
"""

from __future__ import annotations

import os
import sys

import psycopg

from app.config import SettingsError, postgres_from_env, visits_from_env
from app.storage.causes import database_cause
from app.storage.visit_upkeep import look_after


def main() -> int:
    """Do what is to be done once and say what it was; return the exit status."""
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
