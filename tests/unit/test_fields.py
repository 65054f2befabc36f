"""What an owner may set of a link."""

from datetime import UTC
from typing import Any

import msgspec
import pytest

from app.fields import GivenFields, checked, tag_key
from app.model.errors import InvalidLink, InvalidUrl
from app.model.managed_links import Condition, Fields, QueryParameter
from app.targets import Target, accept


def take(url: str) -> Target:
    return accept(url, own_hosts=frozenset({"s.example"}), local=False)


def fields(**given: Any) -> Fields:
    return checked(msgspec.convert({"url": "https://e.com", **given}, GivenFields), take)[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27T18:30:00Z", (2026, 11, 27, 18, 30, 0, 0)),
        ("2026-11-27T18:30:00-03:00", (2026, 11, 27, 21, 30, 0, 0)),
        ("2026-11-27t18:30:00.123z", (2026, 11, 27, 18, 30, 0, 123000)),
        ("2026-11-27 18:30:00.123456789+05:45", (2026, 11, 27, 12, 45, 0, 123456)),
        ("2020-01-01T00:00:00+00:00", (2020, 1, 1, 0, 0, 0, 0)),
        # Lisbon leaves summer time at 01:00 UTC: the same wall time twice, an hour apart.
        ("2026-10-25T01:30:00+01:00", (2026, 10, 25, 0, 30, 0, 0)),
        ("2026-10-25T01:30:00+00:00", (2026, 10, 25, 1, 30, 0, 0)),
        ("1970-01-01T00:00:00Z", (1970, 1, 1, 0, 0, 0, 0)),
        ("9999-12-31T23:59:59Z", (9999, 12, 31, 23, 59, 59, 0)),
        ("9999-12-31T23:59:59.999999Z", (9999, 12, 31, 23, 59, 59, 999999)),
        ("9999-12-31T20:59:59-03:00", (9999, 12, 31, 23, 59, 59, 0)),
        ("2026-11-27T18:30:00-00:00", (2026, 11, 27, 18, 30, 0, 0)),
        ("2026-11-27T18:30:00+23:59", (2026, 11, 26, 18, 31, 0, 0)),
        # RFC 3339, section 5.8: leap seconds.
        ("1990-12-31T23:59:60Z", (1991, 1, 1, 0, 0, 0, 0)),
        ("1990-12-31T15:59:60-08:00", (1991, 1, 1, 0, 0, 0, 0)),
        ("2026-12-31t23:59:60.25z", (2027, 1, 1, 0, 0, 0, 250000)),
    ],
)
def test_moments_have_any_offset_and_are_kept_in_utc(text: str, moment: tuple[int, ...]) -> None:
    found = fields(expires_at=text).expires_at

    assert found is not None
    assert found.tzinfo is UTC
    assert (*found.timetuple()[:6], found.microsecond) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-11-27", "2026-11-27T18:30:00", "20261127T183000Z", "2026-W48-5",
        "2026-02-30T00:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T18:30:00+25:00",
        "2026-11-27T18:30Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-03:00",
        "٢٠٢٦-11-27T18:30:00Z", "infinity", "2026-11-27T18:30:00Z\n",
        "2026-11-27T18:30:00+05:99", "2026-11-27T18:30:00+05:60", "2026-11-27T18:30:00-24:00",
        "2026-11-27T18:60:00Z", "2026-11-27T18:30:61Z", "2026-11-27T18:30:60Z",
        "2026-12-31T23:59:60+01:00", "2026-12-30T23:59:60Z", "9999-12-31T23:59:60Z",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidLink, match="starts_at"):
        fields(starts_at=text)


@pytest.mark.parametrize(
    "text", ["1969-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"]
)
def test_years_that_are_refused_are_named(text: str) -> None:
    with pytest.raises(InvalidLink, match="expires_at must be in the years 1970 to 9999, in UTC"):
        fields(expires_at=text)


def test_expiry_is_after_the_start() -> None:
    start, end = "2026-11-27T18:30:00-03:00", "2026-11-27T21:30:00.001Z"

    assert fields(starts_at=start, expires_at=end).expires_at
    for earlier in ("2026-11-27T21:30:00Z", "2026-11-27T18:30:00Z"):
        with pytest.raises(InvalidLink, match="after"):
            fields(starts_at=start, expires_at=earlier)


def test_tags_keep_their_order_and_are_the_same_in_any_case() -> None:
    found = fields(tags=["News", " straße ", "NEWS", "STRASSE", "🙂", "e\u0301", "\u00c9"]).tags

    assert found == ("News", "straße", "🙂", "e\u0301")
    assert tag_key("e\u0301") == tag_key("\u00c9")


@pytest.mark.parametrize(
    "given",
    [
        {"title": "x" * 257},
        {"title": "a\x00b"},
        {"title": "a\nb"},
        {"tags": ["x" * 65]},
        {"tags": [""]},
        {"tags": ["\x7f"]},
        {"tags": [str(number) for number in range(21)]},
        {"tags": ["x"] * 201},
        {"max_visits": 0},
        {"max_visits": -1},
        {"max_visits": 2**53},
        {"redirect_status": 200},
        {"redirect_status": 303},
        {"rules": [{"if": {"device": "ios"}, "url": "https://e.com"}] * 21},
        {"rules": [{"if": {}, "url": "https://e.com"}]},
        {"rules": [{"if": {"device": "fridge"}, "url": "https://e.com"}]},
        {"rules": [{"if": {"language": "pt_BR"}, "url": "https://e.com"}]},
        {"rules": [{"if": {"country": "BRA"}, "url": "https://e.com"}]},
        {"rules": [{"if": {"country": "UK"}, "url": "https://e.com"}]},
        {"rules": [{"if": {"country": "\u00df"}, "url": "https://e.com"}]},  # in capitals: SS
        {"rules": [{"if": {"query": {"name": "", "value": ""}}, "url": "https://e.com"}]},
        {"rules": [{"if": {"query": {"name": "a", "value": "\x00"}}, "url": "https://e.com"}]},
    ],
    ids=lambda given: str(given)[:60],
)
def test_what_makes_no_sense_is_refused_with_the_reason(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidLink) as refused:
        fields(**given)

    assert refused.value.details


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://s.example/x", "https://u:p@e.com"])
def test_a_rules_target_is_held_to_the_same_rules(url: str) -> None:
    good = {"if": {"device": "ios"}, "url": "https://e.com"}

    with pytest.raises(InvalidUrl, match=r"rules\[1\]\.url: "):
        fields(rules=[good, {"if": {"device": "android"}, "url": url}])


def test_a_rule_as_it_is_kept() -> None:
    condition = {"country": "br", "language": "pt-BR", "query": {"name": "a", "value": ""}}

    (rule,) = fields(rules=[{"if": condition, "url": "app.example.com"}]).rules

    assert rule.url == "https://app.example.com"
    assert rule.condition == Condition(
        country="BR", language="pt-BR", query=QueryParameter("a", "")
    )


@pytest.mark.parametrize("country", ["GB", "ss", "Xk", "TL"])
def test_countries_that_visitors_come_from(country: str) -> None:
    (rule,) = fields(rules=[{"if": {"country": country}, "url": "https://e.com"}]).rules

    assert rule.condition.country == country.upper()


def test_the_longest_of_everything_is_taken() -> None:
    found = fields(title="é" * 256, tags=["é" * 64] + [str(n) for n in range(19)], max_visits=1)

    assert (len(found.title or ""), len(found.tags), found.max_visits) == (256, 20, 1)
