"""Which records become links: by the same rules as when a link is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

from app import codes
from app.fields import MOST_VISITS, GivenFields, GivenRule, checked, moment
from app.model.errors import InvalidLink, ReservedWord, ServiceError
from app.model.managed_links import Fields, State
from app.model.transfers import AcceptedLink, Record, Refusal
from app.targets import Target
from app.transfer.pieces import NOT_UTF_8

Accept = Callable[[str], Target]
"""Takes a URL as a target, or raises InvalidUrl or TargetBlocked."""

_PLAIN = ("starts_at", "expires_at", "max_visits", "redirect_status", "forward_query", "rules")
_COUNTS = ("used_visits", "visits", "visitors", "bots")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Checks records; `now` is when they come, `tag` one that each link gets that lacks it."""

    accept: Accept
    now: datetime
    tag: str | None = None

    def judge(self, line: int, record: Record) -> AcceptedLink | Refusal:
        """Return the link, or why there is none."""
        try:
            return self._accepted(line, record)
        except UnicodeEncodeError:
            return Refusal(line, record.code, NOT_UTF_8)
        except ServiceError as error:
            reason = error.explained if _is_utf8(record) else NOT_UTF_8
            return Refusal(line, record.code, reason)

    def _accepted(self, line: int, record: Record) -> AcceptedLink:
        code = accept_code(record.code)
        fields, target = checked(_given(record, self.tag), self.accept)
        for name in _COUNTS:
            if not 0 <= (getattr(record, name) or 0) <= MOST_VISITS:
                raise InvalidLink(f"{name} must be between 0 and {MOST_VISITS}")
        disabled_at = self._since("disabled_at", record, State.DISABLED)
        deleted_at = self._since("deleted_at", record, State.DELETED)
        off = disabled_at is not None or deleted_at is not None
        created_at = record.created_at
        return AcceptedLink(
            line=line,
            code=code,
            fields=fields,
            digest=target.digest if record.findable and is_plain(fields) and not off else None,
            created_at=self.now if created_at is UNSET else _moment("created_at", created_at),
            changed_at=_moment("changed_at", record.changed_at),
            used_visits=record.used_visits,
            exhausted_at=self._exhausted_at(record),
            disabled_at=disabled_at,
            deleted_at=deleted_at,
            visits=record.visits or 0,
            visitors=record.visitors or 0,
            bots=record.bots or 0,
            last_visit_at=_moment("last_visit_at", record.last_visit_at),
        )

    def _since(self, name: str, record: Record, state: State) -> datetime | None:
        """Return since when a link is in a state; a file may say that it is, and not since when."""
        since = _moment(name, getattr(record, name))
        return self.now if since is None and record.state == state else since

    def _exhausted_at(self, record: Record) -> datetime | None:
        if record.max_visits is None or (record.used_visits or 0) < record.max_visits:
            return None
        return _moment("exhausted_at", record.exhausted_at) or self.now


def accept_code(text: str) -> str:
    """Return a code as it is kept; raise InvalidAlias or ReservedWord.

    Six letters or digits stay exactly as written: these the service tells apart, and an export of
    ours comes back as it was. Everything else is an alias, found in any case and kept in lower.
    """
    code = text.strip()
    if not codes.is_code(code):
        return codes.accept_alias(code)
    if code.lower() in codes.RESERVED or code.lower() in codes.KEPT_FREE:
        raise ReservedWord
    return code


def is_plain(fields: Fields) -> bool:
    """Tell whether nothing but title and tags is there beside the target."""
    return all(getattr(fields, name) in (None, ()) for name in _PLAIN)


def _is_utf8(record: Record) -> bool:
    """Tell whether a record's texts can be written: what was not in UTF-8 cannot."""
    try:
        msgspec.json.encode(record)
    except UnicodeEncodeError:
        return False
    return True


def _given(record: Record, tag: str | None) -> GivenFields:
    tags = record.tags if tag is None else [*(record.tags or ()), tag]
    return GivenFields(
        url=record.url,
        title=record.title,
        tags=tags,
        starts_at=record.starts_at,
        expires_at=record.expires_at,
        max_visits=record.max_visits,
        redirect_status=record.redirect_status,
        forward_query=record.forward_query,
        rules=_rules(record.rules),
    )


def _rules(given: list[Any] | None) -> list[GivenRule] | None:
    try:
        return None if given is None else msgspec.convert(given, list[GivenRule])
    except msgspec.ValidationError as error:
        raise InvalidLink(f"rules: {error}") from None


def _moment(name: str, text: str | msgspec.UnsetType | None) -> datetime | None:
    return moment(name, text if isinstance(text, str) else None)
