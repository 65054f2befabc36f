"""What ends with a password change, a log-out everywhere and an account."""

from __future__ import annotations

import random
import time
from uuid import UUID

from app.storage.connections import BoundedConnection
from app.storage.database import Database
from app.storage.statements import Statement

AT_ONCE = 1_000
"""Links taken from a deleted account by one statement of a request."""
LONGEST_SWEEP = 3.0
"""Seconds for which a request goes on with it."""
BY_AND_BY = 300
"""Links a second that are taken beside requests: fewer than workers can hear of, and remember."""
SWEEP_INTERVAL = 30.0
"""Seconds between two looks for deletions that somebody has not finished."""
_SETTLED = 60
"""Seconds after which nothing that began before a deletion is still under way."""

_HASH = Statement("""
    SELECT password_hash FROM users WHERE id = %(user)s AND deleted_at IS NULL
""")
# Run again because its answer was lost, it finds its own hash, and no generation is begun twice.
_CHANGE_PASSWORD = Statement("""
    UPDATE users SET
        token_generation = token_generation
            + CASE WHEN password_hash = %(new)s::text THEN 0 ELSE 1 END,
        tokens_ended_at = now(), updated_at = now(), password_hash = %(new)s::text
    WHERE id = %(user)s AND deleted_at IS NULL
        AND password_hash IN (%(old)s::text, %(new)s::text)
    RETURNING token_generation
""")
_END_TOKENS = Statement("""
    WITH ended AS (
        UPDATE users SET token_generation = token_generation + 1, tokens_ended_at = now()
        WHERE id = %(user)s AND deleted_at IS NULL
        RETURNING id
    ), keys AS (
        DELETE FROM api_keys USING ended
        WHERE api_keys.user_id = ended.id AND %(keys)s::boolean
    )
    SELECT id FROM ended
""")
# The address is free again, and nothing that tells whose account this was is kept. The row stays:
# links refer to it, and the Go service may still insert some with a token of before.
_DELETE = Statement("""
    WITH gone AS (
        UPDATE users SET
            deleted_at = now(), updated_at = now(), tokens_ended_at = now(),
            token_generation = token_generation + 1,
            email = 'deleted:' || id::text, username = NULL, password_hash = '!',
            email_verified = false
        WHERE id = %(user)s AND deleted_at IS NULL AND password_hash = %(old)s::text
        RETURNING id
    ), keys AS (
        DELETE FROM api_keys USING gone WHERE api_keys.user_id = gone.id
        RETURNING api_keys.id
    ), uploads AS (
        DELETE FROM imports USING gone WHERE imports.user_id = gone.id
    ), answers AS (
        DELETE FROM idempotency_keys WHERE caller IN (
            SELECT id::text FROM gone UNION ALL SELECT 'key ' || id::text FROM keys
        )
        RETURNING id
    ), noted AS (
        DELETE FROM idempotent_links USING answers WHERE idempotent_links.request = answers.id
    )
    INSERT INTO account_deletions (user_id, disable_links)
    SELECT id, %(disable)s::boolean FROM gone
    RETURNING user_id
""")
# Nobody's link is not found by its target either: it is not the one that anonymous callers share.
_TAKEN = """
    changed AS (
        UPDATE urls SET
            user_id = NULL, tag_ids = NULL, target_digest = NULL, digest_due = false,
            disabled_at = CASE WHEN taken.disable THEN coalesce(disabled_at, now())
                ELSE disabled_at END,
            owner_disabled_at = CASE WHEN taken.disable AND locked_because IS NOT NULL
                THEN coalesce(owner_disabled_at, now()) ELSE owner_disabled_at END
        FROM taken WHERE urls.id = taken.id
        RETURNING urls.id
    ), counts AS (
        UPDATE link_counts SET user_id = NULL FROM changed WHERE link_counts.code = changed.id
    )
"""
_TAKE_SOME = Statement(f"""
    WITH taken AS (
        SELECT id, %(disable)s::boolean AS disable FROM urls
        WHERE user_id = %(user)s::uuid ORDER BY id LIMIT %(most)s FOR UPDATE
    ), {_TAKEN}
    SELECT count(*) FROM changed
""")  # noqa: S608  # parts of ours
# The row of the deletion is locked: whoever comes second goes on with another, or does nothing.
_GO_ON = Statement(f"""
    WITH due AS MATERIALIZED (
        SELECT user_id, disable_links, requested_at < now() - %(settled)s * interval '1 second'
            AS settled
        FROM account_deletions ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ), taken AS (
        SELECT id, (SELECT disable_links FROM due) AS disable FROM urls
        WHERE user_id = (SELECT user_id FROM due) ORDER BY id LIMIT %(most)s FOR UPDATE
    ), {_TAKEN}
    SELECT user_id, settled, (SELECT count(*) FROM changed) FROM due
""")  # noqa: S608  # parts of ours
_FINISHED = Statement("""
    WITH tags AS (
        DELETE FROM tags WHERE user_id = %(user)s
    )
    DELETE FROM account_deletions WHERE user_id = %(user)s
        AND NOT EXISTS (SELECT FROM urls WHERE urls.user_id = %(user)s)
    RETURNING user_id
""")


class AccountEnds:
    """Writes; errors are DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def password_hash(self, user: UUID) -> str | None:
        """Return a user's hash, None for an account that is gone."""
        rows = self._database.rows(_HASH, {"user": user}, repeatable=True)
        return str(rows[0][0]) if rows else None

    def change_password(self, user: UUID, old: str, new: str) -> int | None:
        """Replace a hash and begin a generation of tokens, which is returned.

        None: the hash is no longer the old one.
        """
        values = {"user": user, "old": old, "new": new}
        rows = self._database.rows(_CHANGE_PASSWORD, values, repeatable=True)
        return int(rows[0][0]) if rows else None

    def end_tokens(self, user: UUID, *, keys: bool) -> bool:
        """Refuse all tokens that there are, and delete all keys if asked to; False: no account."""
        values = {"user": user, "keys": keys}
        return bool(self._database.rows(_END_TOKENS, values, repeatable=True))

    def delete(self, user: UUID, old: str, *, disable: bool) -> bool:
        """Delete an account; False if its hash is no longer the old one, or it is gone already."""
        values = {"user": user, "old": old, "disable": disable}
        return bool(self._database.rows(_DELETE, values, repeatable=True))

    def take_links(self, user: UUID, *, disable: bool) -> None:
        """Take the links from a deleted account, as many as there is time for."""
        ends = time.monotonic() + LONGEST_SWEEP
        values = {"user": user, "disable": disable, "most": AT_ONCE}
        while time.monotonic() < ends:
            if self._database.rows(_TAKE_SOME, values, repeatable=True)[0][0] < AT_ONCE:
                break


class Sweeper:
    """Goes on with what a request had no time for: a job of every worker, done by one of all."""

    def __init__(self) -> None:
        self._due = time.monotonic() + random.uniform(0, SWEEP_INTERVAL)  # noqa: S311  # no secret

    def __call__(self, connection: BoundedConnection) -> None:
        """Take some links, if it is time and there are any; raise psycopg.Error."""
        now = time.monotonic()
        if now < self._due:
            return
        values = {"settled": _SETTLED, "most": BY_AND_BY}
        rows = connection.rows(_GO_ON.text, _GO_ON.values(values))
        if rows and rows[0][2]:
            return  # the next round, in a second, goes on
        if rows and rows[0][1]:
            connection.rows(_FINISHED.text, _FINISHED.values({"user": rows[0][0]}))
            return
        self._due = now + random.uniform(0.5, 1.5) * SWEEP_INTERVAL  # noqa: S311  # no secret
