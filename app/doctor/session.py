"""Whether a session of the service's is what it needs to be."""

from __future__ import annotations

from app.config import SESSION_ROLE
from app.doctor.findings import Finding, fail, ok, warn
from app.doctor.next_steps import sql
from app.doctor.situation import Situation
from app.storage.inspection import Inspection
from app.storage.session import ENCODING, encoding_fault

_NOT_A_ROLES = "session_replication_role"
"""Only a superuser sets it, and only for a session; what set it for all is taken back."""


def check_session(row: str, server: Inspection, situation: Situation) -> Finding:
    """Compare the settings that a request meets with those it needs, and name the encoding."""
    wrong = server.wrong_settings()
    if wrong:
        return _wrong(row, wrong, server, situation)
    path = server.lost_search_path
    if path is not None:
        found = f"search_path is {path!r}, which does not lead to the tables; `public` is used"
        cause = "it was set for the role or the database"
        return warn(row, found, cause, _reset("search_path", server, situation))
    if server.options_refused:
        cause = "the settings are set by statements: RDS Proxy then shares no connection any more"
        then = "Set POSTGRES_SESSION_SETTINGS as docs/scaling.md, Connections, says; then release"
        return warn(row, server.options_refused, cause, then)
    if server.encoding != ENCODING:
        found = f"the database is not in UTF-8: {encoding_fault(server.encoding)}"
        cause = "it was made so; an encoding cannot be changed afterwards"
        then = "Dump it and restore it into a database made with ENCODING 'UTF8', at a quiet hour"
        return warn(row, found, cause, then)
    return ok(row, f"settings as needed, {server.encoding}")


def _wrong(
    row: str, wrong: dict[str, tuple[str, str]], server: Inspection, situation: Situation
) -> Finding:
    found = ", ".join(f"{name} is {now}, not {needed}" for name, (now, needed) in wrong.items())
    if _NOT_A_ROLES in wrong:
        cause = "it was set for the role or the database: triggers and foreign keys are off"
        return fail(row, found, cause, _reset(_NOT_A_ROLES, server, situation))
    cause = "a pooler in between ignores what the service sends with its start"
    if situation.settings.postgres.session_settings == SESSION_ROLE:
        cause = "POSTGRES_SESSION_SETTINGS=role leaves them to the role, which lacks them"
    user = server.user()
    statements = "; ".join(
        f"ALTER ROLE {user} SET {name} TO '{needed}'" for name, (_, needed) in wrong.items()
    )
    return fail(row, found, cause, sql(situation, statements))


def _reset(setting: str, server: Inspection, situation: Situation) -> str:
    statement = server.reset_of(setting)
    return sql(situation, statement or "SELECT * FROM pg_db_role_setting")
