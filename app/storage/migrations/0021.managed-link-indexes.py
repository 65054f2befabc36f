"""Let lists of managed links go by an index, whatever they are sorted by or hold."""

from typing import Any, LiteralString

from yoyo import step

from app.storage.indexes import build

__depends__ = {"0020.managed-links"}
__transactional__ = False

_INDEXES: dict[str, LiteralString] = {
    "urls_owner_code_idx": "urls (user_id, id) WHERE user_id IS NOT NULL",
    # The links in a state other than active, each state by itself.
    "urls_owner_starts_idx": "urls (user_id, starts_at) WHERE starts_at IS NOT NULL",
    "urls_owner_expires_idx": "urls (user_id, expires_at) WHERE expires_at IS NOT NULL",
    "urls_owner_exhausted_idx": "urls (user_id) WHERE exhausted_at IS NOT NULL",
    "urls_owner_disabled_idx": "urls (user_id) WHERE disabled_at IS NOT NULL",
    "urls_owner_deleted_idx": "urls (user_id) WHERE deleted_at IS NOT NULL",
}


def build_all(connection: Any) -> None:
    """Build them without blocking anybody's writes."""
    for name, definition in _INDEXES.items():
        build(connection, name, definition)


steps = [step(build_all)]
