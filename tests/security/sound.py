"""What must hold for every answer, whatever was asked; and how much is asked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from app.model.errors import ServiceError
from app.routes.errors import HTTP_CODES
from app.server import raw_answers

CODES = frozenset(
    {kind.code for kind in ServiceError.__subclasses__()}
    | {code for code, _ in HTTP_CODES.values()}
    | {answer.code for _, answer in raw_answers._ANSWERS}
    | {raw_answers.TIMEOUT.code}
)
SPOKEN = re.compile(
    rb"Traceback|File \"|psycopg|libpq|SQLSTATE|sqlalchemy|werkzeug|gunicorn\.|msgspec|redis\.|"
    rb"site-packages|127\.0\.0\.1:\d+ failed|<title>(?:4|5)\d\d"
)
"""What our libraries would say of themselves."""


@dataclass(frozen=True)
class Volume:
    """How many cases of each kind."""

    name: str
    operations: int
    """For each operation, valid ones and invalid ones."""
    inputs: int
    """For each kind of input."""
    wire: int
    """For each kind of broken HTTP."""


QUICK = Volume("quick", operations=8, inputs=300, wire=150)
LONG = Volume("long", operations=300, inputs=1600, wire=1500)
volumes = pytest.mark.parametrize(
    "volume",
    [QUICK, pytest.param(LONG, marks=(pytest.mark.long, pytest.mark.timeout(1800)))],
    ids=lambda volume: volume.name,
)


def assert_sound(status: int, headers: Mapping[str, str], body: bytes, *, page: bool) -> None:
    """Fail for a fault, for HTML where there must be none, and for what tells of the inside.

    `headers` have names in lower case; `page`: the one route that may answer with a page.
    """
    # 501 is for what HTTP names and nobody sends; a 503 would be a fault of ours here.
    assert 200 <= status < 500 or status == 501, (status, headers, body)
    assert headers.get("x-request-id"), headers
    assert headers.get("x-content-type-options") == "nosniff", headers
    assert headers.get("x-frame-options") == "DENY", headers
    assert "content-security-policy" in headers, headers
    assert not SPOKEN.search(body), body
    kind = headers.get("content-type")
    if kind is None:
        assert body == b"", (status, headers, body)
        return
    if not kind.startswith("text/html"):
        assert kind == "application/json" or kind.startswith("text/plain"), (status, kind)
    else:
        assert page, (status, headers, body)
    if status >= 400 and kind == "application/json" and body:
        _assert_error(json.loads(body))


def _assert_error(body: object) -> None:
    assert isinstance(body, dict), body
    assert set(body) <= {"error", "code", "details", "retry_after"}, body
    assert body["code"] in CODES, body
    assert body["error"], body
