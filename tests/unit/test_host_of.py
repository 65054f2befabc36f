"""The host of a target: the short look at a usual one finds what the long one does."""

import pytest

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
        ("example.com/x", "example.com"),
        ("https://a-b.c-d.example/", "a-b.c-d.example"),
        ("https://user@example.com/", None),
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
