"""Let links be searched by an index of trigrams, where the server has them.

Without the extensions, or the right to create them, search reads along the indexes of lists: slower
where few links match, and just as right. docs/operations.md says how to add them later.
"""

from typing import Any

import psycopg
from yoyo import step

from app.storage.search_index import EXTENSIONS, add_text, add_trigrams

__depends__ = {"0021.managed-link-indexes"}
__transactional__ = False


def add_all(connection: Any) -> None:
    """Add the text that is searched, and the index if it can be had."""
    add_text(connection)
    try:
        for extension in EXTENSIONS:
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedFile,
        psycopg.errors.FeatureNotSupported,
    ):
        return
    add_trigrams(connection)


steps = [step(add_all)]
