"""A client of the application in this process that uploads a file."""

import hashlib
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Headers = dict[str, str]


def begin(client: FlaskClient, headers: Headers, content: bytes, format_: str) -> dict[str, Any]:
    """Announce a file and return its import."""
    body = {
        "format": format_,
        "size": len(content),
        "name": "links",
        "digest": hashlib.sha256(content).hexdigest(),
    }
    answer = client.post("/api/imports", json=body, headers=headers)
    assert answer.status_code in {200, 201}, answer.data
    begun: dict[str, Any] = answer.get_json()["import"]
    return begun


def send(client: FlaskClient, headers: Headers, id_: str, offset: int, part: bytes) -> TestResponse:
    """Send one part."""
    return client.patch(
        f"/api/imports/{id_}",
        data=part,
        content_type="application/octet-stream",
        headers={**headers, "Upload-Offset": str(offset)},
    )


def upload(
    client: FlaskClient, headers: Headers, content: bytes, format_: str, part: int = 1 << 20
) -> dict[str, Any]:
    """Upload a whole file in parts of so many bytes and return the import."""
    now = begin(client, headers, content, format_)
    while now["offset"] < len(content):
        at = now["offset"]
        answer = send(client, headers, now["id"], at, content[at : at + part])
        assert answer.status_code == 200, answer.data
        now = answer.get_json()["import"]
    return now


def export(client: FlaskClient, headers: Headers, **query: str) -> bytes:
    """Return all of an export."""
    answer = client.get("/api/export", query_string=query, headers=headers, buffered=True)
    assert answer.status_code == 200, answer.data
    content: bytes = answer.data
    return content
