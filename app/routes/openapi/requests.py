"""Each operation as a request to copy, and what it answers: made from the document alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from app.model.errors import UrlNotFound
from app.routes.openapi.example_values import HEADERS, PARAMETERS
from app.routes.openapi.headers import EVERYWHERE
from app.routes.openapi.operation import JSON

BASE = "https://address.of.the.service.invalid"
"""Stands for the service's own address; whoever shows the page puts it in."""
_WIDTH = 60
_FILE = "part-of-a-file"
_AS_CURL_DOES = {"get": (), "head": ("-I",), "post": ("-X", "POST")}


def command(document: Mapping[str, Any], path: str, method: str) -> str:
    """Return a command for a POSIX shell with curl; the token is in $TOKEN."""
    described = document["paths"][path][method]
    _, answered = _usual(document, described)
    content = next(iter(answered.get("content", {"": {}})))
    parts = ["curl", *_method(described, method)]
    if not content and method != "head":
        parts.append("-i")
    if content.startswith("image/"):
        parts += ["-o", path.rpartition("/")[2]]
    lines = [" ".join([*parts, _quoted(BASE + _address(document, described, path))])]
    if described["security"] and {} not in described["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    for each in _parameters(document, described):
        if each["in"] == "header" and each.get("required"):
            header = f"{each['name']}: {_value(each)}"
            lines.append(f"-H {_quoted(header)}")
    for media_type, body in described.get("requestBody", {}).get("content", {}).items():
        lines.append(f"-H {_quoted(f'Content-Type: {media_type}')}")
        if "example" in body:
            lines.append(f"-d {_quoted(json.dumps(body['example'], ensure_ascii=False))}")
        else:
            lines.append(f"--data-binary @{_FILE}")
        break
    return " \\\n  ".join(lines)


def answer(document: Mapping[str, Any], path: str, method: str) -> str:
    """Return the status, the headers that matter and the body of the answer to `command`."""
    status, answered = _usual(document, document["paths"][path][method])
    lines = [f"{status} {HTTPStatus(int(status)).phrase}"]
    lines += [
        f"{name}: {HEADERS[name]}"
        for name in answered["headers"]
        if name in HEADERS and name not in EVERYWHERE
    ]
    for media_type, content in answered.get("content", {}).items():
        if "*" not in media_type:
            lines.append(f"Content-Type: {media_type}")
        if "example" in content or "examples" in content:
            lines += ["", _body(media_type, content)]
        break
    return "\n".join(lines)


def login(document: Mapping[str, Any]) -> str:
    """Return a command that puts a token into $TOKEN."""
    logging_in = command(document, "/api/login", "post").replace("curl ", "curl -s ", 1)
    return f'TOKEN=$({logging_in} \\\n  | sed \'s/.*"token":"\\([^"]*\\)".*/\\1/\')'


def error() -> str:
    """Return an error as every operation may answer it."""
    return _json({"error": UrlNotFound.message, "code": UrlNotFound.code})


def _body(media_type: str, content: Mapping[str, Any]) -> str:
    if "examples" in content:
        return _json(next(iter(content["examples"].values()))["value"])
    value = content["example"]
    return _json(value) if media_type == JSON else str(value).rstrip().replace("\r\n", "\n")


def _usual(
    document: Mapping[str, Any], described: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Return what an operation usually answers."""
    status = described["x-usual-status"]
    found = described["responses"][status]
    if "$ref" in found:
        found = document["components"]["responses"][found["$ref"].rpartition("/")[2]]
    return status, found


def _method(described: Mapping[str, Any], method: str) -> tuple[str, ...]:
    if method == "post" and "requestBody" in described:
        return ()  # as -d asks
    return _AS_CURL_DOES.get(method, ("-X", method.upper()))


def _address(document: Mapping[str, Any], described: Mapping[str, Any], path: str) -> str:
    query = []
    for each in _parameters(document, described):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", _value(each))
        elif each["in"] == "query" and "example" in each:
            query.append(f"{each['name']}={_value(each)}")
    return f"{path}?{'&'.join(query)}" if query else path


def _parameters(
    document: Mapping[str, Any], described: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    known = document["components"]["parameters"]
    return [known[each["$ref"].rpartition("/")[2]] for each in described["parameters"]]


def _value(parameter: Mapping[str, Any]) -> str:
    return str(PARAMETERS.get(parameter["name"], parameter.get("example", "")))


def _quoted(text: str) -> str:
    """Quote for a shell, also what would need no quotes: an address of IPv6 does in some."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _json(value: object, indent: str = "") -> str:
    """Return JSON in which only what is long is broken into lines."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent + text) <= _WIDTH or not isinstance(value, (dict, list)):
        return text
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{json.dumps(name)}: {_json(each, inner)}" for name, each in value.items()]
        begin, end = "{", "}"
    else:
        lines = [_json(each, inner) for each in value]
        begin, end = "[", "]"
    return f"{begin}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{end}"
