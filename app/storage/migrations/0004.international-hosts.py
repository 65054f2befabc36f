"""Correct the digests of hosts that are not ASCII: SQL knows no punycode."""

from typing import Any

from yoyo import step

from app.targets import digest_of

__depends__ = {"0003.target-digest-backfill"}


def correct(connection: Any) -> None:
    """Compute the digest of each such target as `app.targets` does."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT id, original_url FROM urls WHERE digest_due IS NOT TRUE"
        " AND substring(original_url FROM '^(?:[^:]+://)?[^/?#]*') ~ '[^\\x01-\\x7f]'"
    )
    for code, url in cursor.fetchall():
        digest = digest_of(url)
        if digest is not None:  # else no new link can have this target: nothing needs to find it
            cursor.execute("UPDATE urls SET target_digest = %s WHERE id = %s", (digest, code))


steps = [step(correct)]
