"""Tokens over the wire: nothing but a token that we issued lets anybody in."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.harness.service import DEFAULTS, Service
from tests.security.wire import Asker

SECRET = DEFAULTS["JWT_SECRET"]
Account = tuple[str, str]


@pytest.fixture(scope="module")
def account(attacked: Service) -> Account:
    """Sign somebody up; return the user's id and token."""
    answer = attacked.client.post(
        f"{attacked.url}/api/signup",
        json={"email": "tokens@example.org", "password": "secret1"},
        timeout=20,
    )
    return answer.json()["user"]["id"], answer.json()["token"]


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(user: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"user_id": user, "iat": now, "nbf": now, "exp": now + 60, **changes}


def signed(header: dict[str, Any], payload: object, secret: str = SECRET) -> str:
    """Sign with HMAC-SHA-256 whatever the header says."""
    message = f"{part(header)}.{part(payload)}"
    return f"{message}.{part(hmac.digest(secret.encode(), message.encode(), hashlib.sha256))}"


def unsigned(user: str, algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims(user))}."


FORGERIES: dict[str, Callable[[str], str]] = {
    "alg none": lambda user: unsigned(user, "none"),
    "alg None": lambda user: unsigned(user, "None"),
    "alg NONE": lambda user: unsigned(user, "NONE"),
    "alg empty": lambda user: unsigned(user, ""),
    "no alg": lambda user: signed({"typ": "JWT"}, claims(user)),
    "HS512": lambda user: jwt.encode(claims(user), SECRET * 2, "HS512"),
    "HS384, right key": lambda user: jwt.encode(claims(user), SECRET * 2, "HS384"),
    "RS256 said, HMAC made": lambda user: signed({"alg": "RS256"}, claims(user)),
    "key in the header": lambda user: signed(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": part(b"mine" * 8)}}, claims(user), "mine" * 8
    ),
    "kid of a known file": lambda user: signed(
        {"alg": "HS256", "kid": "../../../../dev/null"}, claims(user), ""
    ),
    "jku": lambda user: signed(
        {"alg": "HS256", "jku": "http://127.0.0.1:9/keys"}, claims(user), "mine" * 8
    ),
    "crit": lambda user: signed({"alg": "HS256", "crit": ["b64"], "b64": False}, claims(user)),
    "empty key": lambda user: signed({"alg": "HS256"}, claims(user), ""),
    "wrong key": lambda user: signed({"alg": "HS256"}, claims(user), SECRET + "x"),
    "the Go service's key": lambda user: signed({"alg": "HS256"}, claims(user), "secret"),
    "expired": lambda user: signed({"alg": "HS256"}, claims(user, exp=int(time.time()) - 60)),
    "not yet valid": lambda user: signed({"alg": "HS256"}, claims(user, nbf=int(time.time()) + 60)),
    "issued in the future": lambda user: signed(
        {"alg": "HS256"}, claims(user, iat=int(time.time()) + 60)
    ),
    "for ever": lambda user: signed(
        {"alg": "HS256"}, {k: v for k, v in claims(user).items() if k != "exp"}
    ),
    "exp beyond numbers": lambda user: signed({"alg": "HS256"}, claims(user, exp=1e400)),
    "exp as text": lambda user: signed({"alg": "HS256"}, claims(user, exp="never")),
    "nobody": lambda _user: signed({"alg": "HS256"}, claims("")),
    "a user who never was": lambda _user: signed(
        {"alg": "HS256"}, claims("00000000-0000-4000-8000-000000000000")
    ),
    "SQL as user": lambda user: signed({"alg": "HS256"}, claims(f"{user}' OR '1'='1")),
    "a list of users": lambda user: signed({"alg": "HS256"}, claims("", user_id=[user])),
    "claims that are a list": lambda user: signed({"alg": "HS256"}, [claims(user)]),
    "claims that are no JSON": lambda user: signed({"alg": "HS256"}, user.encode()),
    "nested": lambda _user: signed({"alg": "HS256"}, b"[" * 1200),
    "huge": lambda user: signed({"alg": "HS256"}, claims(user, junk="x" * 4000)),
    "huge header": lambda user: signed({"alg": "HS256", "x": "y" * 4000}, claims(user)),
}


@pytest.mark.parametrize("path", ["/api/user/urls", "/api/"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused(
    attacked: Service, account: Account, forgery: str, path: str
) -> None:
    token = FORGERIES[forgery](account[0])

    assert ask(attacked, f"Bearer {token}".encode(), path) == (401, "INVALID_TOKEN")


def test_the_forgeries_are_refused_for_what_is_wrong_with_them(
    attacked: Service, account: Account
) -> None:
    token = signed({"alg": "HS256"}, claims(account[0]))

    assert ask(attacked, f"Bearer {token}".encode(), "/api/user/urls")[0] == 200


@pytest.mark.parametrize("change", ["header", "claims", "signature", "cut", "more"])
def test_a_changed_token_is_refused(attacked: Service, account: Account, change: str) -> None:
    header, payload, signature = account[1].split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    changed = {
        "header": f"{part({'alg': 'HS256', 'typ': 'jwt'})}.{payload}.{signature}",
        "claims": f"{header}.{part(claims(account[0], exp=2**31))}.{signature}",
        "signature": f"{header}.{payload}.{flipped}",
        "cut": f"{header}.{payload}.{signature[:-2]}",
        "more": f"{header}.{payload}.{signature}.{signature}",
    }[change]

    assert ask(attacked, f"Bearer {changed}".encode(), "/api/user/urls") == (
        401,
        "INVALID_TOKEN",
    )


JUNK = [
    b"Bearer", b"Bearer ", b"Bearer Bearer {}", b"Basic {}", b"Token {}", b"{}", b"Bearer,{}",
    b"Bearer {}, Bearer {}", b"Bearer\xa0{}", b"Bearer {}\xff", b"Bearer {} {}", b'Bearer "{}"',
    b"Bearer \xf0\x9f\x99\x82", b"Bearer null", b"Bearer undefined", b"Bearer " + b"a" * 7000,
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_junk_in_the_header_is_refused(attacked: Service, account: Account, junk: bytes) -> None:
    header = junk.replace(b"{}", account[1].encode())

    assert ask(attacked, header, "/api/user/urls") == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("place", ["query", "cookie", "body"])
def test_a_token_is_taken_from_the_header_alone(
    attacked: Service, account: Account, place: str
) -> None:
    token = account[1]
    sent: dict[str, dict[str, Any]] = {
        "query": {"params": {"token": token, "access_token": token}},
        "cookie": {"cookies": {"token": token, "Authorization": f"Bearer {token}"}},
        "body": {"json": {"token": token, "access_token": token}},
    }

    answer = attacked.client.get(f"{attacked.url}/api/user/urls", timeout=20, **sent[place])
    attacked.client.cookies.clear()

    assert (answer.status_code, answer.json()["code"]) == (401, "MISSING_TOKEN")


def ask(service: Service, header: bytes, path: str) -> tuple[int, str | None]:
    body = None if path == "/api/user/urls" else b'{"url":"https://e.com/forged"}'
    with Asker(service) as asker:
        method = b"GET" if body is None else b"POST"
        answer = asker.ask(method, path.encode(), [(b"Authorization", header)], body)
    return answer.status, json.loads(answer.body).get("code")
