"""Generate links by the million."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import psycopg

CODE = "{:06d}"
"""Codes of the first million generated links."""
_BATCH = 20_000
_KEEP_INDEXES = 100_000
_PAGES = ("articles", "products/shoes", "docs/reference", "watch", "news/2026")
_COPY = "COPY urls (id, original_url, created_at, user_id, target_digest) FROM STDIN"

Progress = Callable[[int, int], None]


def code(number: int) -> str:
    """Return the code of a generated link: digits first, then any of the alphabet."""
    if number < 1_000_000:
        return CODE.format(number)
    digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    text = ""
    # An odd multiplier spreads them over the index, as random codes are.
    rest = number * 38_873_201 % (62**5)
    for _ in range(5):
        rest, place = divmod(rest, 62)
        text += digits[place]
    return "G" + text


def target(number: int) -> str:
    """Return a target of a usual length; equal numbers give equal targets."""
    page = _PAGES[number % len(_PAGES)]
    return f"https://www.example.com/{page}/{number:08x}?utm_source=newsletter&id={number * 7}"


def owner(number: int) -> uuid.UUID:
    """Return the id of a generated user."""
    return uuid.UUID(int=(0xB1 << 120) + number)


def fill(
    connection: psycopg.Connection, links: int, *, owners: int, progress: Progress | None = None
) -> None:
    """Add users and links, every second one anonymous, and statistics as autovacuum leaves them."""
    connection.execute("SET synchronous_commit = off")
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY users (id, email, password_hash) FROM STDIN") as copy,
    ):
        for number in range(owners):
            copy.write_row((owner(number), f"user-{number}@example.com", "x"))
    indexes = _drop_indexes(connection) if links > _KEEP_INDEXES else []
    done = 0
    rows = _rows(links, owners)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        while batch := list(itertools.islice(rows, _BATCH)):
            copy.write("".join(batch))
            done += len(batch)
            if progress:
                progress(done, links)
    for definition in indexes:
        connection.execute(definition.encode())
    connection.execute("VACUUM (ANALYZE) urls")
    connection.execute("VACUUM (ANALYZE) users")


def _rows(links: int, owners: int) -> Iterator[str]:
    """Yield lines of COPY's text format: nothing in them needs to be escaped."""
    first = dt.datetime(2024, 1, 1)  # noqa: DTZ001  # the column has no zone and is in UTC
    ids = [str(owner(number)) for number in range(owners)]
    second = dt.timedelta(seconds=5)
    for number in range(links):
        url = target(number)
        whose = ids[number // 2 % owners] if number % 2 else "\\N"
        digest = hashlib.sha256(url.encode()).hexdigest()
        yield f"{code(number)}\t{url}\t{first + number * second}\t{whose}\t\\\\x{digest}\n"


def _drop_indexes(connection: psycopg.Connection) -> list[str]:
    """Drop what is quicker built at the end, and return how to build it."""
    found = connection.execute(
        "SELECT indexes.indexrelid::regclass::text, pg_get_indexdef(indexes.indexrelid)"
        " FROM pg_index AS indexes LEFT JOIN pg_constraint AS constraints"
        " ON constraints.conindid = indexes.indexrelid"
        " WHERE indexes.indrelid = 'urls'::regclass AND constraints.oid IS NULL"
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}".encode())
    return [definition for _, definition in found]


def progress_bar(done: int, total: int) -> None:
    """Show how far it is, on a terminal over and over in one line."""
    now = time.monotonic()
    if done < total and now - getattr(progress_bar, "shown", 0.0) < (
        0.2 if sys.stderr.isatty() else 10
    ):
        return
    progress_bar.shown = now  # type: ignore[attr-defined]
    filled = 40 * done // total
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    sys.stderr.write(f"  [{'#' * filled}{'.' * (40 - filled)}] {done:,} of {total:,} links{end}")
    sys.stderr.flush()
