"""The console command `migrate`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import psycopg

from app.commands.pid_option import add_pid, become
from app.config import PostgresSettings, SettingsError, postgres_from_env
from app.storage import schema
from app.storage.causes import database_cause

_STOP_IT = (
    "the Go service seems to be at work, and every create of it would fail from then on. Stop it"
    " (aws ecs update-service --desired-count 0), wait, and run this again; --force does it anyway"
)
_RETIRED = (
    "the Go service is retired: it can read, and its creates fail. The way back is"
    " `migrate --readmit-go`, as long as no target has a second link"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Bring the database of POSTGRES_* to the current schema; return the exit status."""
    options = _options(arguments)
    try:
        settings = postgres_from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        _do(options, settings)
    except (psycopg.Error, schema.MigrationTimeout, schema.CutOverRefused) as error:
        print(f"migrate: {_reason(error)}", file=sys.stderr)
        return 1
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, psycopg.errors.UniqueViolation):
        return "rows that others wrote meanwhile are in the way: run it again"
    if isinstance(error, psycopg.Error):
        return f"PostgreSQL refused: {database_cause(error)}"
    if isinstance(error, schema.GoServiceAtWork):
        return f"refused: {_STOP_IT}. Seen: {error}"
    if isinstance(error, schema.CannotReadmit):
        return f"refused: {error}. The Go service can read, and nothing has changed"
    return "another migration is still running; try again later"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="migrate", description="Bring the database of POSTGRES_* to the current schema."
    )
    cut_over = parser.add_mutually_exclusive_group()
    cut_over.add_argument(
        "--retire-go",
        action="store_true",
        help="then take away what only the Go service needs: its creates fail from then on",
    )
    cut_over.add_argument(
        "--readmit-go", action="store_true", help="then let the Go service write again"
    )
    parser.add_argument(
        "--force", action="store_true", help="retire the Go service although it seems to be at work"
    )
    add_pid(parser)
    options = parser.parse_args(arguments)
    if options.pid is not None:
        become(options.pid, parser)
    if options.force and not options.retire_go:
        parser.error("--force belongs to --retire-go")
    return options


def _do(options: argparse.Namespace, settings: PostgresSettings) -> None:
    if options.readmit_go:
        schema.readmit_go_service(settings)
        print("the schema is current; the Go service can write")
        return
    if options.retire_go:
        applied = schema.retire_go_service(settings, force=options.force)
    else:
        applied = schema.migrate(settings)
    for name in applied:
        print(f"applied {name}")
    print("the schema is current")
    if options.retire_go:
        print(_RETIRED)
