"""The host of a target: the short look at a usual one finds what the long one does."""

import pytest

from app.hosts import accept_host
from app.model.errors import InvalidUrl
from app.targets import authority, host_of


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("https://example.com", "example.com"),
        ("https://EXAMPLE.com/A?b#c", "example.com"),
        ("HTTP://Example.Com?x", "example.com"),
        ("http://example.com:8080/x", "example.com"),
        ("https://example.com:99999/x", None),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("https://192.0.2.7/x", "192.0.2.7"),
        ("https://[2001:db8::1]:8080/x", "[2001:db8::1]"),
        ("https://[2001:DB8:0::1]/", "[2001:db8::1]"),
        ("http://1.2.772/", "1.2.3.4"),
        ("http://0x1.2.3.4./", "1.2.3.4"),
        # What ends at an IPv4 address is that one,
        ("http://[::ffff:1.2.3.4]/", "1.2.3.4"),
        ("http://[::FFFF:102:304]:8080/", "1.2.3.4"),
        ("http://[0:0:0:0:0:ffff:0102:0304]/", "1.2.3.4"),
        ("http://[64:ff9b::1.2.3.4]/", "1.2.3.4"),
        # and what does not is none.
        ("http://[::1.2.3.4]/", "[::102:304]"),
        ("http://[2002:102:304::1]/", "[2002:102:304::1]"),
        ("http://[::1]/", "[::1]"),
        ("example.com/x", "example.com"),
        ("https://a-b.c-d.example/", "a-b.c-d.example"),
        ("https://user@example.com/", "example.com"),
        ("HTTPS://a.example:b@c@Example.com:8443/x", "example.com"),
        ("https://example.com:8443/@a.example", "example.com"),
        ("https://a.example\\@example.com/", None),
        ("https://a..example/", None),
    ],
)
def test_the_host_is_found(target: str, host: str | None) -> None:
    assert host_of(target) == host


def test_targets_push_nothing_out_that_is_remembered_of_requests() -> None:
    authority.cache_clear()
    authority("fonsecaaso.com")
    for number in range(1000):
        host_of(f"https://{number}.example.org:8080/")

    assert authority.cache_info().currsize == 1


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("Evil.Example", "evil.example"),
        ("evil.example.", "evil.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("203.0.113.7", "203.0.113.7"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("2001:db8:0::1", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_host_that_somebody_types_is_as_those_of_targets(typed: str, host: str) -> None:
    assert accept_host(typed) == host
    assert host_of(f"https://{host}/x") == host


@pytest.mark.parametrize(
    "typed",
    [
        "", ".", " ", "a b.example", "*.example.org", ".example.org", "a..example", "a,b",
        "https://example.org", "//example.org", "example.org/", "example.org/path", "example.org?x",
        "example.org#x", "example.org:8080", "example.org:", "user@example.org", "a\\b.example",
        "1.2.3.0/24", "1.2.3", "1.2.3.*", "0x1.2.3.4", "01.2.3.4", "1234", "1.2.3.4.5",
        "1.2.3.4:80",
        "2001:db8::/32", "[2001:db8::1]:80", "[2001:db8::1", "2001:db8::1]", "[]", "[1.2.3.4]",
        "fe80::1%eth0", "a\nb",
    ],
)  # fmt: skip
def test_what_may_mean_another_host_or_several_is_none(typed: str) -> None:
    with pytest.raises(InvalidUrl) as refused:
        accept_host(typed)

    assert refused.value.details
