"""Targets that are refused, each with its reason."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import targets
from app.model.errors import InvalidUrl

# IDNA 2008 has no hyphens in third and fourth place but for punycode (RFC 5891, section 4.2.3.1).
labels = st.from_regex(r"[a-z0-9]([a-z0-9]-?){0,5}[a-z0-9]", fullmatch=True).filter(
    lambda label: label[2:4] != "--"
)
hosts = st.tuples(labels, st.sampled_from(["com", "co.uk", "рф", "example"])).map(".".join)
schemes = st.sampled_from(["http", "https", "HTTP", "hTTps"])


def accept(text: str, *own: str, local: bool = False) -> targets.Target:
    return targets.accept(text, own_hosts=frozenset(own), local=local)


def reason(text: str, *own: str, local: bool = False) -> str:
    with pytest.raises(InvalidUrl) as caught:
        accept(text, *own, local=local)
    assert caught.value.details
    return caught.value.details


@given(st.text(max_size=80))
def test_any_text_is_accepted_or_refused_with_a_reason(text: str) -> None:
    try:
        accepted = accept(text).url
    except InvalidUrl as error:
        accepted = str(error.details)

    assert accepted


@given(st.text(string.ascii_letters + ":/?#@[].%\\ -0", max_size=20))
def test_the_authority_of_any_text_is_a_name_or_none(text: str) -> None:
    assert targets.authority(text) is None or " " not in str(targets.authority(text))


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


@pytest.mark.parametrize("url", ["https://e.com/{}", "https://e{}.com/", "{}https://e.com"])
def test_control_characters_are_refused(url: str) -> None:
    for control in map(chr, [*range(0x20), *range(0x7F, 0xA0)]):
        assert "control character" in reason(url.format(control)), repr(control)


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


@pytest.mark.parametrize(
    "host",
    ["999.999.999.999", "256.1.1.1", "1.256.1.1", "1.1.1.256", "1.2.65536", "1.16777216",
     "1.2.3.4.5", "1.2.3.08", "1.2.3.0x100", "e.com.1", "e.com.09", "e.0x4", "e.0x", "foo.1.",
     "1.2.3.4294967296", "\uff19\uff19\uff19.1.1.1", "e.com.\uff11", "\u0663.4"],
    ids=ascii,
)  # fmt: skip
def test_what_ends_in_a_number_is_an_ipv4_address_or_nothing(host: str) -> None:
    assert reason(f"https://{host}/") == "the host ends in a number and is no IPv4 address"


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
    "host", ["", "mailto:x", "javascript:1x", "a b", "http:", "é", "[", "a:b:c", "@", "\ud800"]
)
def test_a_host_header_that_is_none_is_no_authority(host: str) -> None:
    assert targets.authority(host) in {None, "xn--9ca"}
