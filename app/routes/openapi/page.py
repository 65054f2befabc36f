"""The document as a page for people: rendered once, nothing to load, nothing to run."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from app.routes.openapi import requests
from app.routes.openapi.example_values import CODE, EMAIL
from app.routes.openapi.headers import EVERYWHERE
from app.routes.pages import stylesheet

_FOLDER = files("app.routes.openapi")
_CODE = re.compile("`([^`]+)`")
STYLE = stylesheet("look.css", "openapi/page.css")
_METHODS = ("get", "head", "post", "put", "patch", "delete")


def page(document: dict[str, Any]) -> str:
    """Return the page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["marked"] = _marked
    environment.filters["parted"] = _parted
    template = environment.from_string(_FOLDER.joinpath("page.html").read_text())
    components = document["components"]
    operations = [
        _operation(document, path, method)
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    return template.render(
        style=Markup(STYLE),  # noqa: S704  # a file of ours; quotes must stay quotes
        openapi=document["openapi"],
        info=document["info"],
        tags=[
            {**tag, "operations": [each for each in operations if each["tags"][0] == tag["name"]]}
            for tag in document["tags"]
        ],
        code=CODE,
        email=EMAIL,
        login=requests.login(document),
        error=requests.error(),
        schemas=[(name, _schema(each)) for name, each in components["schemas"].items()],
        headers=components["headers"].items(),
    )


def _marked(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


def _parted(name: str) -> Markup:
    """Let a long name be broken where a word of it ends."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))  # noqa: S704  # escaped before


def _operation(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    described = document["paths"][path][method]
    bodies = described.get("requestBody", {}).get("content", {})
    return {
        **described,
        "path": path,
        "method": method,
        "token": _token(described["security"]),
        "body": _name(bodies.get("application/json", {}).get("schema", {})),
        "file": next((each for each in bodies if each != "application/json"), None),
        "request": requests.command(document, path, method),
        "answer": requests.answer(document, path, method),
        "parameters": [
            _parameter(document["components"]["parameters"][_name(each)])
            for each in described["parameters"]
            if _name(each) not in EVERYWHERE
        ],
        "answers": [
            _response(status, _resolved(document, each))
            for status, each in described["responses"].items()
        ],
    }


def _token(security: list[dict[str, list[str]]]) -> str | None:
    """Return what is said of who may do it."""
    if not security:
        return None
    needed = next((names[0] for way in security for names in way.values() if names), None)
    token = "a Bearer token" if any("bearer" in way for way in security) else ""
    scope = f" with the scope {needed}" if needed else ""
    key = f" or an API key{scope}" if any("key" in way for way in security) else " of a login"
    without = {} in security
    return f"Takes {token}{key}, and works without." if without else f"Needs {token}{key}."


def _resolved(document: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in described:
        return described
    found: dict[str, Any] = document["components"]["responses"][_name(described)]
    return found


def _response(status: str, described: dict[str, Any]) -> dict[str, Any]:
    schema = described.get("content", {}).get("application/json", {}).get("schema", {})
    return {
        "status": status,
        "description": described["description"],
        "schema": _name(schema["allOf"][0] if "allOf" in schema else schema),
        "headers": [name for name in described["headers"] if name not in EVERYWHERE],
    }


def _parameter(described: dict[str, Any]) -> dict[str, Any]:
    schema = described["schema"]
    allowed = [f"“{value}”" for value in schema.get("enum", ())]
    return {
        **described,
        "required": described.get("required", False),
        "allowed": " or ".join(allowed),
        "usual": schema.get("default"),
    }


def _schema(described: dict[str, Any]) -> dict[str, Any]:
    required = described.get("required", ())
    return {
        "description": described.get("description", ""),
        "fields": [
            {"name": name, "required": name in required, **_field(field)}
            for name, field in described["properties"].items()
        ],
    }


def _field(described: dict[str, Any]) -> dict[str, Any]:
    kinds = described.get("anyOf", [described])
    known: dict[str, Any] = next((kind for kind in kinds if kind.get("type") != "null"), {})
    item = known.get("items", known)
    return {
        "type": " or ".join(_kind(kind) for kind in kinds),
        "link": _name(item),
        "description": described.get("description") or known.get("description", ""),
    }


def _kind(described: dict[str, Any]) -> str:
    if "items" in described:
        return f"array of {_kind(described['items'])}"
    if "enum" in described:
        return " or ".join(f"“{value}”" for value in described["enum"])
    return _name(described) or str(described.get("format") or described["type"])


def _name(reference: dict[str, Any]) -> str | None:
    where: str | None = reference.get("$ref")
    return where.rpartition("/")[2] if where else None
