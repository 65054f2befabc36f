"""The console command `migrate`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import psycopg

from app.commands.pid_option import add_pid, become
from app.config import SettingsError, postgres_from_env
from app.storage.causes import database_cause
from app.storage.schema import MigrationTimeout, migrate


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the database of POSTGRES_* to the current schema; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="migrate", description="Bring the configured database to the current schema."
    )
    add_pid(parser)
    given = parser.parse_args(arguments)
    if given.pid is not None:
        become(given.pid, parser)
    try:
        settings = postgres_from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        applied = migrate(settings)
    except psycopg.Error as error:
        print(f"migrate: PostgreSQL refused: {database_cause(error)}", file=sys.stderr)
        return 1
    except MigrationTimeout:
        print("migrate: another migration is still running; try again later", file=sys.stderr)
        return 1
    for name in applied:
        print(f"applied {name}")
    print("the schema is current")
    return 0
