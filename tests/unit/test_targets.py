"""Targets: every rule of the contract's section of that name."""

import hashlib
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app import targets
from app.model import InvalidUrl

NOWHERE: frozenset[str] = frozenset()
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


def reason(text: str, *own: str, local: bool = False) -> str:
    with pytest.raises(InvalidUrl) as caught:
        accept(text, *own, local=local)
    assert caught.value.details
    return caught.value.details


def same(first: str, second: str) -> bool:
    return accept(first).digest == accept(second).digest


@given(urls)
def test_what_is_accepted_is_stored_as_given(url: str) -> None:
    assert accept(url).url == url


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
def test_any_text_is_accepted_or_refused_with_a_reason(text: str) -> None:
    try:
        accepted = accept(text).url
    except InvalidUrl as error:
        accepted = str(error.details)

    assert accepted


@given(st.text(max_size=80))
def test_whatever_is_stored_can_be_sent(text: str) -> None:
    sent = targets.location(targets.absolute(text))

    assert set(sent) <= set(PRINTABLE)


@given(st.text(string.ascii_letters + ":/?#@[].%\\ -0", max_size=20))
def test_the_authority_of_any_text_is_a_name_or_none(text: str) -> None:
    assert targets.authority(text) is None or " " not in str(targets.authority(text))


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


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("e.com", "https://e.com"),
        ("e.com:8080/x", "https://e.com:8080/x"),
        ("e.com:80", "https://e.com:80"),
        ("e.com:80?a", "https://e.com:80?a"),
        ("e.com/http://other.com", "https://e.com/http://other.com"),
        ("e.com?u=http://other.com", "https://e.com?u=http://other.com"),
        ("[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        ("президент.рф/ж", "https://президент.рф/ж"),
        ("httpbin.org", "https://httpbin.org"),
    ],
)
def test_without_a_scheme_https_is_put_in_front(given: str, stored: str) -> None:
    assert accept(given).url == stored


@pytest.mark.parametrize(
    "url",
    [
        "https://e.com/?abc#123",
        "https://e.com/?5=x",
        "https://e.com/?a=%2B",
        "https://e.com/?q=%27%25x%25%27",
        "https://e.com/%zz/%",
        "http://e.com:7/",
        "https://[2001:db8::1]/",
        "https://[::ffff:1.2.3.4]:8443/x",
        "https://e.com//a///b/../c",
        "https://e.com/\\x",
        "https://e.com/a@b:c",
        "https://e.com?user@host",
        "https://e.com./",
        "https://_dmarc.e.com/",
        "https://1.2.3.4/",
        "https://e.com/" + "x" * 5_000,
        "https://e.com/🙂?ж=日本#ü",
    ],
)
def test_accepted_byte_for_byte(url: str) -> None:
    assert accept(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "javascript://e.com/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "ftp://e.com/",
        "file:///etc/passwd",
        "mailto:me@e.com",
        "blob:https://e.com/x",
        "view-source:https://e.com",
    ],
)
def test_other_schemes_are_refused(url: str) -> None:
    assert reason(url) == "only http and https are accepted"


@pytest.mark.parametrize("url", ["http:e.com", "https:/e.com", "http:\\\\e.com", "https:"])
def test_a_scheme_needs_its_slashes(url: str) -> None:
    assert "//" in reason(url)


@pytest.mark.parametrize("control", [*map(chr, [*range(0x20), *range(0x7F, 0xA0)])])
@pytest.mark.parametrize("url", ["https://e.com/{}", "https://e{}.com/", "{}https://e.com"])
def test_control_characters_are_refused(url: str, control: str) -> None:
    assert "control character" in reason(url.format(control))


@pytest.mark.parametrize("surrogate", [0xD800, 0xDFFF, 0xDC80], ids=hex)
def test_lone_surrogates_are_refused(surrogate: int) -> None:
    assert "surrogate" in reason(f"https://e.com/{chr(surrogate)}")


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u1680"])
@pytest.mark.parametrize("url", ["https://e.com/a{}b", "https://e{}x.com/"])
def test_spaces_inside_are_refused(url: str, space: str) -> None:
    assert reason(url.format(space)) == "the URL contains a space"


def test_spaces_around_are_taken_off() -> None:
    assert accept("  https://e.com/  ").url == "https://e.com/"


@pytest.mark.parametrize("url", ["https://e.com\\@evil.com", "https://e\\.com/", "e.com\\x"])
def test_backslashes_in_the_authority_are_refused(url: str) -> None:
    assert "backslash" in reason(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://me@e.com/",
        "https://me:pw@e.com/",
        "https://@e.com",
        "me@e.com",
        "https://a@b@e.com",
    ],
)
def test_userinfo_is_refused(url: str) -> None:
    assert "user name" in reason(url)


@pytest.mark.parametrize(
    "url", ["", "   ", "https://", "https:///x", "//e.com", "https://:80/", "/x"]
)
def test_a_host_is_needed(url: str) -> None:
    assert reason(url)


@pytest.mark.parametrize("url", ["https://intranet/", "https://localhost:3000/", "word", "com"])
def test_a_host_needs_a_dot(url: str) -> None:
    assert reason(url) == "the host needs a dot"


@pytest.mark.parametrize(
    "host",
    [
        "e..com",
        ".e.com",
        "-e.com",
        "e-.com",
        "e!.com",
        "e%2Ecom",
        "e.com,f.com",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "e.com:x",
        "e.com:65536",
        "e.com:123456",
        "e.com:-1",
        "e.com:80:80",
        "2001:db8::1",
        "[2001:db8::1",
        "[::1%eth0]",
        "[v1.x]",
        "[e.com]",
        "[::1]x",
        "\u200b.com",
        "a\u202eb.com",
    ],
)
def test_hosts_that_are_none(host: str) -> None:
    assert reason(f"https://{host}/")


def test_localhost_is_accepted_on_a_developers_machine_alone() -> None:
    assert accept("http://localhost:3000/x", local=True).url == "http://localhost:3000/x"
    assert reason("http://intranet/", local=True) == "the host needs a dot"


def test_8192_characters_are_accepted_and_one_more_is_not() -> None:
    url = "https://e.com/" + "x" * (targets.LONGEST - len("https://e.com/"))

    assert accept(url).url == url
    assert "longer than 8192" in reason(url + "x")


def test_the_limit_is_over_what_the_client_gave() -> None:
    given = "e.com/" + "x" * (targets.LONGEST - len("e.com/"))

    assert accept(given).url == "https://" + given


@pytest.mark.parametrize(
    "url",
    [
        "https://s.example",
        "http://s.example/abc",
        "s.example/abc",
        "HTTPS://S.EXAMPLE/abc",
        "https://s.example./abc",
        "https://s.example:443/",
        "http://s.example:80/",
        "https://s.example:0443/",
        "https://s.example:00443/",
        "https://s.example:/",
        "https://\uff53.example/",
        "https://s。example/",
        "https://s.example?x",
        "https://s.example#x",
    ],
)
def test_our_own_domain_is_refused_in_any_spelling(url: str) -> None:
    assert "itself" in reason(url, "s.example")


@pytest.mark.parametrize(
    "url", ["https://127.1:8080/", "http://0x7f.0.0.1:8080", "http://0177.0.0.1:08080/"]
)
def test_our_own_address_is_refused_in_any_spelling(url: str) -> None:
    own = targets.authority("127.0.0.1:8080")
    assert own is not None

    assert "itself" in reason(url, own)


@pytest.mark.parametrize("url", ["https://[0:0::1]/", "https://[0000::0001]:443/"])
def test_our_own_ipv6_address_is_refused_in_any_spelling(url: str) -> None:
    assert "itself" in reason(url, str(targets.authority("[::1]")))


def test_our_own_international_domain_is_refused_in_punycode() -> None:
    own = targets.authority("https://президент.рф")
    assert own is not None

    assert "itself" in reason("https://xn--d1abbgf6aiiy.xn--p1ai/", own)


@pytest.mark.parametrize(
    "url", ["https://s.example.com/", "https://xs.example/", "https://e.com/s.example"]
)
def test_other_hosts_than_our_own_are_not(url: str) -> None:
    assert accept(url, "s.example").url == url


def test_another_port_is_another_service() -> None:
    assert accept("http://s.example:3000/", "s.example").url == "http://s.example:3000/"


@pytest.mark.parametrize(
    "host", ["", "mailto:x", "javascript:1x", "a b", "http:", "é", "[", "a:b:c", "@", "\ud800"]
)
def test_a_host_header_that_is_none_is_no_authority(host: str) -> None:
    assert targets.authority(host) in {None, "xn--9ca"}


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("https://e.com/?q=%27%25x%25%27", "https://e.com/?q=%27%25x%25%27"),
        ("https://e.com/ж?ж#ж", "https://e.com/%D0%B6?%D0%B6#%D0%B6"),
        ("https://e.com/🙂%20", "https://e.com/%F0%9F%99%82%20"),
        ("http://президент.рф:8080/ж", "http://xn--d1abbgf6aiiy.xn--p1ai:8080/%D0%B6"),
        ("HTTPS://E.com/ж", "HTTPS://E.com/%D0%B6"),
        ("https://e.com/\rX-Test: 1", "https://e.com/%0DX-Test:%201"),
        ("https://e.com/a b", "https://e.com/a%20b"),
        ("https://e.com/\u0085", "https://e.com/%C2%85"),
    ],
)
def test_how_a_target_is_sent(stored: str, sent: str) -> None:
    assert targets.location(stored) == sent


@pytest.mark.parametrize(
    ("stored", "absolute"),
    [
        ("e.com/x", "https://e.com/x"),
        ("HTTP://e.com", "HTTP://e.com"),
        ("//e.com", "https:////e.com"),
        ("", "https://"),
    ],
)
def test_a_stored_target_is_never_a_relative_redirect(stored: str, absolute: str) -> None:
    assert targets.absolute(stored) == absolute
