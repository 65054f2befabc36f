"""Let an address have one account, whatever its case.

Accounts that already differ only in case all stay; the oldest is the one the address belongs to.
"""

from typing import Any

from yoyo import step

from app.storage.indexes import build, build_unique

__transactional__ = False

_COLUMN = (
    "ALTER TABLE users ADD COLUMN IF NOT EXISTS email_ambiguous boolean NOT NULL DEFAULT false"
)
_ONE_OF_EACH = """
    UPDATE users SET email_ambiguous = true
    FROM (
        SELECT id, row_number() OVER (PARTITION BY lower(email) ORDER BY created_at, id) AS place
        FROM users
    ) AS ranked
    WHERE ranked.id = users.id AND ranked.place > 1 AND NOT users.email_ambiguous
"""


def build_all(connection: Any) -> None:
    """Add the mark and the indexes without blocking anybody's signup or login."""
    connection.execute(_COLUMN)
    build_unique(
        connection,
        "users_email_lower_key",
        "users (lower(email)) WHERE NOT email_ambiguous",
        one_of_each=_ONE_OF_EACH,
    )
    build(connection, "users_email_lower_idx", "users (lower(email))")


steps = [step(build_all)]
