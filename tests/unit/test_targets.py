"""Targets: every rule of the contract's section of that name."""

import pytest
from hypothesis import strategies as st

from app import targets
from app.model.errors import InvalidUrl

# IDNA 2008 has no hyphens in third and fourth place but for punycode (RFC 5891, section 4.2.3.1).
labels = st.from_regex(r"[a-z0-9]([a-z0-9]-?){0,5}[a-z0-9]", fullmatch=True).filter(
    lambda label: label[2:4] != "--"
)
hosts = st.tuples(labels, st.sampled_from(["com", "co.uk", "рф", "example"])).map(".".join)


def accept(text: str, *own: str, local: bool = False) -> targets.Target:
    return targets.accept(text, own_hosts=frozenset(own), local=local)


def reason(text: str, *own: str, local: bool = False) -> str:
    with pytest.raises(InvalidUrl) as caught:
        accept(text, *own, local=local)
    assert caught.value.details
    return caught.value.details


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
        "https://1.2.3.4./",
        "https://127.1/",
        "https://0x7f.1/",
        "https://0300.0250.1/",
        "https://1.2.65535/",
        "https://1.16777215/",
        "https://\uff11.\uff12.3.4/",
        "https://1e3.com/",
        "https://e.0xg/",
        "https://4.e.com/",
        "https://e.com/" + "x" * 5_000,
        "https://e.com/🙂?ж=日本#ü",
    ],
)
def test_accepted_byte_for_byte(url: str) -> None:
    assert accept(url).url == url


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


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://i❤.ws/a", "https://xn--i-7iq.ws/a"),
        ("https://☃.net", "https://xn--n3h.net"),
        ("https://ПРЕЗИДЕНТ.рф/", "https://xn--d1abbgf6aiiy.xn--p1ai/"),
    ],
)
def test_a_host_is_sent_as_browsers_look_it_up(given: str, sent: str) -> None:
    target = accept(given)

    assert targets.location(target.url) == sent
    assert target.digest == accept(sent).digest
