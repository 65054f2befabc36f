"""Let two unique indexes decide which link of an owner, or of nobody, has a target."""

from typing import Any, LiteralString

from yoyo import step

from app.storage.indexes import build, build_unique

__depends__ = {"0004.international-hosts"}
__transactional__ = False

# Targets that differ only in the case of scheme or host were two links; both stay, and the older
# one is the one that is found again.
_ONE_OF_EACH = """
    UPDATE urls SET target_digest = NULL
    FROM (
        SELECT id, row_number() OVER (
            PARTITION BY user_id, target_digest ORDER BY created_at NULLS FIRST, id
        ) AS place
        FROM urls
        WHERE target_digest IS NOT NULL
    ) AS ranked
    WHERE ranked.id = urls.id AND ranked.place > 1
"""
_UNIQUE: dict[str, LiteralString] = {
    "urls_owner_target_key": "urls (user_id, target_digest) WHERE user_id IS NOT NULL",
    "urls_anonymous_target_key": "urls (target_digest) WHERE user_id IS NULL",
}


def build_all(connection: Any) -> None:
    """Build the three indexes without blocking anybody's reads or writes."""
    for name, definition in _UNIQUE.items():
        build_unique(connection, name, definition, one_of_each=_ONE_OF_EACH)
    build(
        connection,
        "urls_owner_newest_idx",
        "urls (user_id, created_at DESC NULLS LAST, id DESC) WHERE user_id IS NOT NULL",
    )


steps = [step(build_all)]
