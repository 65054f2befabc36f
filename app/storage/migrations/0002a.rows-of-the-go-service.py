"""Mark what the Go service writes beside us, instead of giving it a digest as it writes.

Our unique indexes over digests can then never refuse a row of the Go service, however its inserts
and ours interleave. Runs before any digest is filled in, and also takes away the trigger by which
an earlier release gave digests.
"""

from typing import Any

from yoyo import step

from app.storage import phase

# The digest of app/targets.py, for every host of ASCII; Python corrects the others.
# "C": in a Turkish database I in lower case is not i.
_DIGEST = """
    CREATE OR REPLACE FUNCTION link_target_digest(url text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
        SELECT sha256(convert_to(
            lower(substring(absolute.url FROM '^[^:]+://[^/?#]*') COLLATE "C")
                || substring(absolute.url FROM '^[^:]+://[^/?#]*(.*)$'),
            'UTF8'))
        FROM (
            SELECT CASE WHEN $1 ~* '^https?://' THEN $1 ELSE 'https://' || $1 END AS url
        ) AS absolute
    $$
"""


def mark(connection: Any) -> None:
    """Add the mark, by default set only while the Go service can write."""
    connection.execute("DROP TRIGGER IF EXISTS urls_set_target_digest ON urls")
    connection.execute("DROP FUNCTION IF EXISTS urls_set_target_digest()")
    connection.execute("ALTER TABLE urls ADD COLUMN IF NOT EXISTS digest_due boolean")
    connection.execute(_DIGEST)
    if phase.go_service_can_write(connection):
        connection.execute(phase.MARK_ROWS_OF_OTHERS)


steps = [step(mark)]
