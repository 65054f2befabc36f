"""Who made links of which host: the short look at a target finds what the long one does."""

import pytest

from app.storage.creations import _host_of
from app.targets import host_of


@pytest.mark.parametrize(
    "target",
    [
        "https://example.com",
        "https://EXAMPLE.com/A?b#c",
        "http://example.com:8080/x",
        "https://example.com?x",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
        "https://192.0.2.7/x",
        "https://[2001:db8::1]:8080/x",
        "https://example.com./x",
        "example.com/x",
        "https://a-b.c-d.example/",
    ],
)
def test_both_find_the_same_host(target: str) -> None:
    assert _host_of(target) == (host_of(target) or "")
