"""What holds for every target and for any text, and when two targets are the same."""

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app import targets

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
# IDNA 2008 has no hyphens in third and fourth place but for punycode (RFC 5891, section 4.2.3.1).
labels = st.from_regex(r"[a-z0-9]([a-z0-9]-?){0,5}[a-z0-9]", fullmatch=True).filter(
    lambda label: label[2:4] != "--"
)
hosts = st.tuples(labels, st.sampled_from(["com", "co.uk", "рф", "example"])).map(".".join)
ports = st.one_of(st.just(""), st.just(":"), st.integers(0, 65535).map(lambda port: f":{port}"))
schemes = st.sampled_from(["http", "https", "HTTP", "hTTps"])
text_of_urls = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), max_size=60
)
rests = st.one_of(st.just(""), st.tuples(st.sampled_from("/?#"), text_of_urls).map("".join))
urls = st.tuples(schemes, hosts, ports, rests).map(lambda it: f"{it[0]}://{it[1]}{it[2]}{it[3]}")


def accept(text: str, *own: str, local: bool = False) -> targets.Target:
    return targets.accept(text, own_hosts=frozenset(own), local=local)


def same(first: str, second: str) -> bool:
    return accept(first).digest == accept(second).digest


@given(urls)
def test_what_is_accepted_is_stored_as_given(url: str) -> None:
    assert accept(url).url == url


@given(schemes, labels, st.sampled_from(["com", "COM", "co.uk", "c0m", "x" * 63]), rests)
def test_a_usual_target_is_read_alike_at_once_and_at_length(
    scheme: str, label: str, end: str, rest: str
) -> None:
    url = f"{scheme}://{label}.{end}{rest}"
    usual = targets._usual_parts(url)

    assert (usual is None) == (end == "c0m")
    assert usual in {None, targets._split(url)}


@given(urls)
def test_whatever_is_read_at_once_is_read_alike_at_length(url: str) -> None:
    assert targets._usual_parts(url) in {None, targets._split(url)}


@given(urls)
def test_a_digest_is_a_sha256(url: str) -> None:
    assert len(accept(url).digest) == 32


@given(urls)
def test_what_is_accepted_can_be_sent(url: str) -> None:
    sent = targets.location(accept(url).url)

    assert set(sent) <= set(PRINTABLE)
    assert sent.lower().startswith(("http://", "https://"))


@given(urls)
def test_what_is_sent_is_itself_accepted_and_sent_unchanged(url: str) -> None:
    sent = targets.location(accept(url).url)

    assert targets.location(accept(sent[: targets.LONGEST]).url) == sent[: targets.LONGEST]


@given(st.text(PRINTABLE, max_size=80).map(lambda rest: f"https://e.com/{rest}"))
def test_printable_ascii_is_sent_byte_for_byte(url: str) -> None:
    assert targets.location(accept(url).url) == url


@given(st.text(max_size=80))
def test_whatever_is_stored_can_be_sent(text: str) -> None:
    sent = targets.location(targets.absolute(text))

    assert set(sent) <= set(PRINTABLE)


@given(urls)
def test_case_of_scheme_and_host_does_not_part_targets(url: str) -> None:
    scheme, _, rest = url.partition("://")
    host = rest[: min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))]
    assume("ß" not in host)

    assert same(url, f"{scheme.upper()}://{host.upper()}{rest[len(host) :]}")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("e.com/x", "https://e.com/x"),
        ("http://президент.рф/", "http://xn--d1abbgf6aiiy.xn--p1ai/"),
        ("https://BÜCHER.example", "https://bücher.example"),
        ("https://e.com/", " https://e.com/ "),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
    ],
)
def test_the_same_target(first: str, second: str) -> None:
    assert same(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://e.com/", "https://e.com/"),
        ("https://e.com/a", "https://e.com/A"),
        ("https://e.com", "https://e.com/"),
        ("https://e.com/?a=1&b=2", "https://e.com/?b=2&a=1"),
        ("https://e.com/?q=%2B", "https://e.com/?q=+"),
        ("https://e.com/%7Ea", "https://e.com/~a"),
        ("https://e.com/#a", "https://e.com/#b"),
        ("https://e.com:443/", "https://e.com/"),
    ],
)
def test_another_target(first: str, second: str) -> None:
    assert not same(first, second)


def test_a_digest_is_that_of_the_normalised_url() -> None:
    expected = hashlib.sha256(b"https://e.com:8443/Path?Q=%2b#F").digest()

    assert accept("HTTPS://E.Com:8443/Path?Q=%2b#F").digest == expected
