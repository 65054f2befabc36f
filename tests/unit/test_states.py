"""Which state a link is in at a moment, and where it leads a visitor."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.model.errors import LinkGone, LinkNotStarted
from app.model.managed_links import Condition, QueryParameter, Rule, State, Terms
from app.states import BLOCKED, destination, looked_up, state_of, targets_of, with_query
from app.visitors import Visitor, from_anywhere

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
PLAIN = Terms("https://e.com/", 0)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


def terms(**changes: object) -> Terms:
    return msgspec.structs.replace(PLAIN, **changes)


def visitor(query: str = "", **headers: str) -> Visitor:
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return from_anywhere({"REQUEST_METHOD": "GET", "QUERY_STRING": query, **named})


def nothing_blocked(_url: str) -> bool:
    return False


def sent_to(link: Terms, who: Visitor) -> str:
    return destination(link, who, NOW, nothing_blocked).target


def led(*rules: tuple[Condition, str]) -> Terms:
    return terms(rules=tuple(Rule(condition, url) for condition, url in rules))


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.ACTIVE),
        ({"starts_at": AFTER}, State.SCHEDULED),
        ({"starts_at": NOW}, State.ACTIVE),
        ({"expires_at": NOW}, State.EXPIRED),
        ({"expires_at": AFTER}, State.ACTIVE),
        ({"exhausted": True}, State.EXHAUSTED),
        ({"disabled": True}, State.DISABLED),
        ({"deleted": True}, State.DELETED),
        ({"exhausted": True, "expires_at": BEFORE}, State.EXPIRED),
        ({"disabled": True, "expires_at": BEFORE}, State.DISABLED),
        ({"deleted": True, "disabled": True}, State.DELETED),
        ({"exhausted": True, "starts_at": AFTER}, State.EXHAUSTED),
    ],
    ids=str,
)
def test_the_state_at_a_moment(changes: dict[str, object], state: State) -> None:
    assert state_of(terms(**changes), NOW) == state


@pytest.mark.parametrize(
    "changes", [{"expires_at": BEFORE}, {"exhausted": True}, {"disabled": True}, {"deleted": True}]
)
def test_what_is_over_is_gone_and_says_why(changes: dict[str, object]) -> None:
    with pytest.raises(LinkGone) as refused:
        sent_to(terms(**changes), visitor())

    assert refused.value.details


def test_what_has_not_started_says_when_to_come_back() -> None:
    with pytest.raises(LinkNotStarted) as refused:
        sent_to(terms(starts_at=NOW + timedelta(seconds=90.2)), visitor())

    assert refused.value.retry_after == 91


@pytest.mark.parametrize("headers", [{"accept_language": "pt"}, {}], ids=str)
@pytest.mark.parametrize("starts_at", [None, AFTER])
def test_a_rule_that_leads_to_a_blocked_host_takes_the_link_along(
    headers: dict[str, str], starts_at: datetime | None
) -> None:
    link = led((Condition(language="pt"), "https://bad.example/"))
    link = msgspec.structs.replace(link, starts_at=starts_at)

    with pytest.raises(LinkGone) as refused:
        destination(link, visitor(**headers), NOW, lambda url: "bad" in url)

    assert refused.value.details == BLOCKED


def test_a_link_leads_to_the_targets_of_its_rules_and_its_own_each_once() -> None:
    link = led(
        (Condition(language="pt"), "https://pt/"),
        (Condition(language="en"), PLAIN.target),
        (Condition(language="fr"), "https://pt/"),
    )

    assert targets_of(link) == ("https://pt/", PLAIN.target)


@pytest.mark.parametrize(
    ("target", "query", "sent"),
    [
        ("https://e.com/", "a%20b=1&a%20b=2", "https://e.com/?a%20b=1&a%20b=2"),
        ("https://e.com/?x=1", "a=1", "https://e.com/?x=1&a=1"),
        ("https://e.com/?x=1#top", "a=1", "https://e.com/?x=1&a=1#top"),
        ("https://e.com/#a?b", "a=1", "https://e.com/?a=1#a?b"),
        ("https://e.com/?", "a=1", "https://e.com/?a=1"),
        ("https://e.com/?x&", "a=1", "https://e.com/?x&a=1"),
        ("https://e.com", "a=1", "https://e.com?a=1"),
        ("https://e.com/#top", "", "https://e.com/#top"),
        ("https://e.com/", "qr", "https://e.com/"),
        ("https://e.com/", "qr&a=1", "https://e.com/?a=1"),
        ("https://e.com/", "a=1&qr=", "https://e.com/?a=1"),
        ("https://e.com/", "qr=5", "https://e.com/?qr=5"),
        ("https://e.com/", "a=%2B&b=%27&&c", "https://e.com/?a=%2B&b=%27&&c"),
    ],
)
def test_a_query_is_forwarded_byte_for_byte(target: str, query: str, sent: str) -> None:
    assert with_query(target, query) == sent
    assert sent_to(terms(target=target, forward_query=True), visitor(query)) == sent
    assert sent_to(terms(target=target), visitor(query)) == target


def test_bytes_that_no_url_holds_are_encoded() -> None:
    forwarded = sent_to(terms(forward_query=True), visitor("a=\xc3\xa9\x01 b"))

    assert forwarded == "https://e.com/?a=%C3%A9%01%20b"


@pytest.mark.parametrize(
    ("ranges", "offered", "found"),
    [
        (["pt-br", "en"], ["pt"], "pt"),
        (["en", "pt"], ["pt", "en"], "en"),
        (["zh-hant-cn-x-private1-private2"], ["zh-Hant"], "zh-hant"),
        (["de-x-a"], ["de"], "de"),
        (["pt"], ["pt-BR"], None),
        (["fr"], ["en"], None),
        ([], ["en"], None),
    ],
)
def test_languages_are_looked_up_as_rfc_4647_says(
    ranges: list[str], offered: list[str], found: str | None
) -> None:
    assert looked_up(ranges, offered) == found


def test_the_first_rule_that_matches_decides() -> None:
    link = led(
        (Condition(device="ios", language="pt"), "https://both/"),
        (Condition(device="ios"), "https://ios/"),
        (Condition(language="pt"), "https://pt/"),
    )

    assert sent_to(link, visitor(user_agent=IPHONE, accept_language="pt-BR")) == "https://both/"
    assert sent_to(link, visitor(user_agent=IPHONE, accept_language="en")) == "https://ios/"
    assert sent_to(link, visitor(accept_language="pt-BR;q=0.5, fr")) == "https://pt/"
    assert sent_to(link, visitor()) == "https://e.com/"


def test_of_several_languages_the_visitors_favourite_decides() -> None:
    link = led((Condition(language="pt"), "https://pt/"), (Condition(language="en"), "https://en/"))

    assert sent_to(link, visitor(accept_language="en, pt;q=0.5")) == "https://en/"
    assert sent_to(link, visitor(accept_language="en;q=0.1, pt;q=0.5")) == "https://pt/"
    assert sent_to(link, visitor(accept_language="pt;q=0, *")) == "https://e.com/"


ENGLISH_FIRST = "en-US,en;q=0.9,pt;q=0.8"


@pytest.mark.parametrize(
    "other",
    [
        Condition(language="en", device="ios"),
        Condition(language="en", country="BR"),
        Condition(language="en", query=QueryParameter("a", "b")),
    ],
    ids=["device", "country", "query"],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_language_of_a_rule_that_does_not_hold_vetoes_no_other(
    other: Condition, *, first: bool
) -> None:
    rules = [(other, "https://en/"), (Condition(language="pt"), "https://pt/")]
    link = led(*(rules if first else rules[::-1]))

    assert sent_to(link, visitor(accept_language=ENGLISH_FIRST)) == "https://pt/"


def test_the_favourite_is_one_of_the_rules_that_hold() -> None:
    link = led(
        (Condition(language="pt"), "https://pt/"),
        (Condition(language="en", device="ios"), "https://en-ios/"),
        (Condition(language="en", query=QueryParameter("a", "b")), "https://en-query/"),
    )

    assert sent_to(link, visitor(user_agent=IPHONE, accept_language=ENGLISH_FIRST)) == (
        "https://en-ios/"
    )
    assert sent_to(link, visitor("a=b", accept_language=ENGLISH_FIRST)) == "https://en-query/"
    assert sent_to(link, visitor(accept_language=ENGLISH_FIRST)) == "https://pt/"
    assert sent_to(link, visitor(accept_language="en")) == "https://e.com/"


def test_a_parameter_is_compared_decoded() -> None:
    link = led((Condition(query=QueryParameter("a b", "é+")), "https://yes/"))

    assert sent_to(link, visitor("x=1&a%20b=%C3%A9%2B")) == "https://yes/"
    assert sent_to(link, visitor("a+b=%C3%A9%2B")) == "https://yes/"
    assert sent_to(link, visitor("a b=e")) == "https://e.com/"
