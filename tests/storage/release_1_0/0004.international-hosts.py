"""Correct the digests of hosts that are not ASCII: SQL knows no punycode."""

from typing import Any

from yoyo import step

from app.model.errors import InvalidUrl
from app.targets import accept

__depends__ = {"0003.target-digest-backfill"}


def correct(connection: Any) -> None:
    """Compute the digest of each such target as `app.targets` does."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT id, original_url FROM urls"
        " WHERE substring(original_url FROM '^(?:[^:]+://)?[^/?#]*') ~ '[^\\x01-\\x7f]'"
    )
    for code, url in cursor.fetchall():
        try:
            digest = accept(url, own_hosts=frozenset(), local=True).digest
        except InvalidUrl:
            continue  # no new link can have this target, so nothing needs to find it
        cursor.execute("UPDATE urls SET target_digest = %s WHERE id = %s", (digest, code))


steps = [step(correct)]
