"""What an owner may set of a link: how it is given, and what is accepted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from app.config import REDIRECT_STATUSES
from app.countries import is_country
from app.model.errors import InvalidLink, InvalidUrl
from app.model.managed_links import Condition, Fields, QueryParameter, Rule
from app.targets import LONGEST, Target

LONGEST_TITLE = 256
LONGEST_TAG = 64
MOST_TAGS = 20
MOST_RULES = 20
MOST_VISITS = 2**53 - 1
"""The largest number that every reader of JSON has exactly (RFC 8259, section 6)."""

_LONGEST_PARAMETER = 256
# RFC 3339, section 5.6; the standard library's reader also takes what that does not.
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d:)([0-5]\d|60)((?:\.\d+)?)"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.A,
)
_LEAP_SECOND = "60"
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")
_FIRST_YEAR, _LAST_YEAR = 1970, 9999
"""In UTC; RFC 3339 writes four digits, and so does Python."""

GivenTarget = Annotated[
    str,
    Meta(
        description="Where the link leads: http or https; without a scheme, https",
        extra_json_schema={"minLength": 1, "maxLength": LONGEST},
    ),
]
GivenMoment = Annotated[
    str,
    Meta(
        description="RFC 3339 with any offset or Z, fractions allowed; of the years 1970 to 9999",
        extra_json_schema={"format": "date-time"},
    ),
]
GivenTitle = Annotated[
    str, Meta(description="For people", extra_json_schema={"maxLength": LONGEST_TITLE})
]
GivenTag = Annotated[
    str,
    Meta(
        description="Equal without regard to case",
        extra_json_schema={"minLength": 1, "maxLength": LONGEST_TAG},
    ),
]
GivenLimit = Annotated[
    int,
    Meta(
        description="How many visits the link takes, over all of its life",
        extra_json_schema={"minimum": 1, "maximum": MOST_VISITS},
    ),
]
GivenStatus = Annotated[
    int,
    Meta(
        description="How this link redirects; null: as the service does",
        extra_json_schema={"enum": sorted(REDIRECT_STATUSES)},
    ),
]
GivenForward = Annotated[
    bool, Meta(description="Whether the visitor's query is put behind the target's own")
]
GivenName = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": 256})]


class GivenParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter of the visitor's query."""

    name: GivenName
    value: Annotated[str, Meta(extra_json_schema={"maxLength": _LONGEST_PARAMETER})]


class GivenCondition(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What must be true of a visitor; at least one, and all that are given.

    A name that is none is refused: without the condition it was meant for, the rule would be wider.
    """

    device: (
        Annotated[str, Meta(extra_json_schema={"enum": ["ios", "android", "desktop"]})] | None
    ) = None
    language: (
        Annotated[
            str,
            Meta(
                description="A language tag, looked up as RFC 4647, section 3.4 says among those of"
                " the rules whose other conditions hold"
            ),
        ]
        | None
    ) = None
    country: (
        Annotated[
            str,
            Meta(description="ISO 3166-1 alpha-2", extra_json_schema={"pattern": "^[A-Za-z]{2}$"}),
        ]
        | None
    ) = None
    query: GivenParameter | None = None


class GivenRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where visitors are sent who meet a condition; the first rule that matches decides."""

    condition: GivenCondition = msgspec.field(name="if")
    url: GivenTarget


class GivenFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an owner may set; null is as good as absent."""

    url: GivenTarget
    title: GivenTitle | None = None
    tags: list[GivenTag] | None = None
    starts_at: GivenMoment | None = None
    expires_at: GivenMoment | None = None
    max_visits: GivenLimit | None = None
    redirect_status: GivenStatus | None = None
    forward_query: GivenForward | None = None
    rules: list[GivenRule] | None = None


def checked(given: GivenFields, accept: Callable[[str], Target]) -> tuple[Fields, Target]:
    """Return the fields and the target; raise InvalidLink, or what `accept` raises for a URL."""
    target = accept(given.url)
    starts_at = moment("starts_at", given.starts_at)
    expires_at = moment("expires_at", given.expires_at)
    if starts_at is not None and expires_at is not None and expires_at <= starts_at:
        raise InvalidLink("expires_at must be after starts_at")
    if given.max_visits is not None and not 1 <= given.max_visits <= MOST_VISITS:
        raise InvalidLink(f"max_visits must be between 1 and {MOST_VISITS}")
    if given.redirect_status is not None and given.redirect_status not in REDIRECT_STATUSES:
        raise InvalidLink("redirect_status must be 301, 302, 307 or 308")
    fields = Fields(
        target=target.url,
        title=_title(given.title),
        tags=_tags(given.tags or ()),
        starts_at=starts_at,
        expires_at=expires_at,
        max_visits=given.max_visits,
        redirect_status=given.redirect_status,
        forward_query=given.forward_query,
        rules=_rules(given.rules or (), accept),
    )
    return fields, target


def tag_key(name: str) -> str:
    """Return what makes two tags the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def has_tag(names: Iterable[str], tag: str) -> bool:
    """Tell whether a tag is among some."""
    return tag_key(tag) in map(tag_key, names)


def accept_tag(name: str) -> str:
    """Return a tag as it is kept; raise InvalidLink."""
    tag = name.strip()
    _check_text("a tag", tag)
    if not 1 <= len(tag) <= LONGEST_TAG:
        raise InvalidLink(f"a tag has 1 to {LONGEST_TAG} characters")
    return tag


def _title(text: str | None) -> str | None:
    title = (text or "").strip()
    _check_text("title", title)
    if len(title) > LONGEST_TITLE:
        raise InvalidLink(f"title has more than {LONGEST_TITLE} characters")
    return title or None


def _tags(names: Sequence[str]) -> tuple[str, ...]:
    if len(names) > 10 * MOST_TAGS:
        raise InvalidLink(f"a link has at most {MOST_TAGS} tags")
    tags: dict[str, str] = {}
    for name in names:
        tag = accept_tag(name)
        tags.setdefault(tag_key(tag), tag)
    check_tags(tags)
    return tuple(tags.values())


def check_tags(tags: Collection[str]) -> None:
    """Raise InvalidLink for more tags than a link may have."""
    if len(tags) > MOST_TAGS:
        raise InvalidLink(f"a link has at most {MOST_TAGS} tags")


def moment(name: str, text: str | None) -> datetime | None:
    """Return a moment of RFC 3339 in UTC; raise InvalidLink.

    A leap second is the first instant of the next day, as clocks that count none have it.
    """
    if text is None:
        return None
    try:
        read = _read_moment(text)
    except ValueError:
        raise InvalidLink(
            f"{name} must be a moment as in RFC 3339, such as 2026-11-27T18:30:00-03:00"
        ) from None
    except OverflowError:  # its offset leads out of the years that can be written
        read = None
    if read is None or read.year < _FIRST_YEAR:
        raise InvalidLink(f"{name} must be in the years {_FIRST_YEAR} to {_LAST_YEAR}, in UTC")
    return read


def _read_moment(text: str) -> datetime:
    """Return a moment in UTC; raise ValueError, or OverflowError for a year Python has not."""
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        raise ValueError
    minute, second, fraction, offset = parts.groups()
    if second != _LEAP_SECOND:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    last = datetime.fromisoformat(f"{minute}59{fraction}{offset}".upper()).astimezone(UTC)
    read = last + timedelta(seconds=1)
    # They are put in where a month ends in UTC, and nowhere else (RFC 3339, section 5.7).
    if (read.day, read.hour, read.minute) != (1, 0, 0):
        raise ValueError
    return read


def _rules(given: Sequence[GivenRule], accept: Callable[[str], Target]) -> tuple[Rule, ...]:
    if len(given) > MOST_RULES:
        raise InvalidLink(f"a link has at most {MOST_RULES} rules")
    return tuple(_rule(f"rules[{place}]", each, accept) for place, each in enumerate(given))


def _rule(where: str, given: GivenRule, accept: Callable[[str], Target]) -> Rule:
    try:
        url = accept(given.url).url
    except InvalidUrl as error:
        raise InvalidUrl(f"{where}.url: {error.details}") from None
    return Rule(_condition(where, given.condition), url)


def _condition(where: str, given: GivenCondition) -> Condition:
    if given.device not in {None, "ios", "android", "desktop"}:
        raise InvalidLink(f"{where}.if.device must be ios, android or desktop")
    if given.language is not None and not _LANGUAGE.fullmatch(given.language):
        raise InvalidLink(f"{where}.if.language must be a language tag such as pt-BR")
    if given.country is not None and not is_country(given.country):
        raise InvalidLink(f"{where}.if.country must be a code of ISO 3166-1 such as BR or GB")
    query = None
    if given.query is not None:
        query = _parameter(f"{where}.if.query", given.query)
    condition = Condition(
        device=given.device,  # type: ignore[arg-type]  # looked at above
        language=given.language,
        country=given.country and given.country.upper(),
        query=query,
    )
    if condition == Condition():
        raise InvalidLink(f"{where}.if must have a condition")
    return condition


def _parameter(where: str, given: GivenParameter) -> QueryParameter:
    _check_text(where, given.name)
    _check_text(where, given.value)
    if not 1 <= len(given.name) <= _LONGEST_PARAMETER or len(given.value) > _LONGEST_PARAMETER:
        raise InvalidLink(f"{where} has a name and a value of at most {_LONGEST_PARAMETER}")
    return QueryParameter(given.name, given.value)


def _check_text(name: str, text: str) -> None:
    if not text.isprintable() and any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
        raise InvalidLink(f"{name} contains a control character")
