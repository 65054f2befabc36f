"""One client is one address, however our proxies write it: counted, logged and traced alike."""

from typing import Any

import pytest

from app.routes.client_addresses import ClientAddresses, Node, forwarded, node
from tests.routes.conftest import MakeClient

IPV4 = "203.0.113.8"
IPV6 = "2001:db8::1"


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        (IPV4, IPV4, None),
        (f"{IPV4}:40001", IPV4, "40001"),
        (f"{IPV4}:", IPV4, None),
        (f"{IPV4}:0", IPV4, None),
        (f"{IPV4}:65536", IPV4, None),
        (f"{IPV4}:_obfuscated.port-1", IPV4, None),
        (f"  {IPV4}\t", IPV4, None),
        (f'"{IPV4}"', IPV4, None),
        (f'"{IPV4}:40001"', IPV4, "40001"),
        (IPV6, IPV6, None),
        ("2001:DB8:0:0::0001", IPV6, None),
        (f"[{IPV6}]", IPV6, None),
        (f"[{IPV6}]:40001", IPV6, "40001"),
        (f'"[{IPV6}]:40001"', IPV6, "40001"),
        (f'"[{IPV6}]:_port"', IPV6, None),
        (f"{IPV6}%eth0", IPV6, None),
        ("[fe80::1%25eth0]:40001", "fe80::1", "40001"),
        (f"{IPV6}:40001", IPV6, "40001"),
        ("2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2:3:4:5:6", "4711"),
        (f"::ffff:{IPV4}", IPV4, None),
        (f"[::FFFF:{IPV4}]:40001", IPV4, "40001"),
        ("::ffff:cb00:7108", IPV4, None),
    ],
)
def test_a_node_has_one_spelling(text: str, address: str, port: str | None) -> None:
    assert node(text) == Node(address, port)


@pytest.mark.parametrize(
    "text",
    ["", " ", "unknown", "Unknown", "_hidden", "_SEVKISEK", "-", "unix:", "localhost",
     '"', "[]", "[", "[]:1", "[::1", "::1]", "999.1.1.1", "1.2.3", "1.2.3.4.5", "203.0.113.08",
     f"{IPV4}:x", f"{IPV4}:123456", f"{IPV4}:1:2", f"[{IPV6}]443", f"for={IPV4}", "é", "\x7f",
     "1" * 5000, f"{IPV4} {IPV4}"],
    ids=ascii,
)  # fmt: skip
def test_what_names_nobody(text: str) -> None:
    assert node(text) is None


@pytest.mark.parametrize(
    ("header", "proxies", "address"),
    [
        (f"1.1.1.1, {IPV4}:1", 1, IPV4),
        (f"1.1.1.1,,{IPV4}", 1, IPV4),
        (f", {IPV4}", 1, IPV4),
        (f"{IPV4}, ", 1, IPV4),
        (f"{IPV4},,\t,", 1, IPV4),
        (f"1.1.1.1,{IPV4}:2,[::1]:3", 2, IPV4),
        (f"1.1.1.1,, {IPV4} ,, 10.0.0.9", 2, IPV4),
        (f"{IPV4}", 2, None),
        (f"1.1.1.1, {IPV4}", 0, None),
        ("1.1.1.1, unknown", 1, None),
        ("1.1.1.1, unknown, 10.0.0.9", 2, None),
        (",", 1, None),
        ("", 1, None),
        (None, 1, None),
    ],
)
def test_the_last_hop_of_our_proxies_is_the_client(
    header: str | None, proxies: int, address: str | None
) -> None:
    found = forwarded(header, proxies)

    assert (found and found.address) == address


def seen(environ: dict[str, Any], proxies: int = 1) -> dict[str, Any]:
    """Return the environment as the application gets it."""
    given: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start: object) -> list[bytes]:
        given.update(environ)
        return []

    ClientAddresses(app, proxies)(environ, lambda *_: lambda _: None)
    return given


@pytest.mark.parametrize("named", ["", "unknown", "_hidden", "1.1.1.1, unknown"])
def test_where_the_proxies_name_nobody_the_connection_does(named: str) -> None:
    peer = {"REMOTE_ADDR": "::FFFF:10.0.0.4", "REMOTE_PORT": "5", "HTTP_X_FORWARDED_FOR": named}

    found = seen(peer)

    assert (found["REMOTE_ADDR"], found["REMOTE_PORT"]) == ("10.0.0.4", "5")


def test_the_port_is_the_clients_or_none_but_never_the_proxys() -> None:
    peer = {"REMOTE_ADDR": "10.0.0.4", "REMOTE_PORT": "5"}

    assert seen({**peer, "HTTP_X_FORWARDED_FOR": f"{IPV4}:40001"})["REMOTE_PORT"] == "40001"
    assert "REMOTE_PORT" not in seen({**peer, "HTTP_X_FORWARDED_FOR": IPV4})


def test_what_gives_no_address_is_left_as_it_is() -> None:
    assert seen({"REMOTE_ADDR": ""})["REMOTE_ADDR"] == ""
    assert "REMOTE_ADDR" not in seen({})


SPELLINGS = [
    [f"{IPV4}:{port}" for port in (40001, 40002, 40003)],
    [IPV4, f"{IPV4}:7", f"::ffff:{IPV4}", f"[::ffff:{IPV4}]:9", f' "{IPV4}:8" ', f"1.1,,{IPV4}"],
    [f"[{IPV6}]:1", f"{IPV6}%eth0", IPV6.upper(), f'"[{IPV6}]:_x"', f"{IPV6}:40001", f"{IPV6}, ,"],
    ["unknown", "_a", "_b", "", "unknown:5", "-"],
]  # fmt: skip


@pytest.mark.parametrize("spellings", SPELLINGS, ids=lambda spellings: spellings[0])
@pytest.mark.parametrize(
    ("limit", "path"), [("RATE_LIMIT_AUTH", "/api/login"), ("RATE_LIMIT_RESOLVE", "/api/zzzzzz")]
)
def test_no_spelling_makes_a_new_client(
    make_client: MakeClient, valkey: object, spellings: list[str], limit: str, path: str
) -> None:
    once = {"RATE_LIMIT_ENABLED": "true", limit: "1/day", "TRUSTED_PROXIES": "1"}
    client = make_client(**once)
    method = "POST" if path.endswith("login") else "GET"

    statuses = [
        client.open(path, method=method, headers={"X-Forwarded-For": spelling}).status_code
        for spelling in spellings
    ]

    assert statuses[0] != 429
    assert statuses[1:] == [429] * (len(spellings) - 1)
