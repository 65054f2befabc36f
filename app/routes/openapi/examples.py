"""Plausible bodies for the document: each made from its schema and a few values of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.routes.openapi.example_values import ID, OF_OPERATION, SHOWN, TEXTS, VALUES
from app.routes.openapi.operation import JSON

_BY_FORMAT = {
    "date-time": "2026-11-27T18:30:00Z",
    "uuid": ID,
}
_NULL = {"type": "null"}


def add_examples(document: dict[str, Any]) -> None:
    """Give every request body and every first way of succeeding an example."""
    schemas = document["components"]["schemas"]
    for item in document["paths"].values():
        for operation in item.values():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [each.get("content", {}) for each in operation["responses"].values()]
            for content in contents:
                for media_type, described in content.items():
                    _add(described, media_type, operation["operationId"], schemas)


def _add(
    described: dict[str, Any], media_type: str, operation: str, schemas: Mapping[str, Any]
) -> None:
    if "examples" in described:  # an error's, one for each code
        return
    if operation in TEXTS and media_type != JSON:
        described["example"] = TEXTS[operation]
    elif "$ref" in described.get("schema", {}):
        value = example(described["schema"], schemas)
        own = OF_OPERATION.get(operation, {})
        described["example"] = value | {name: own[name] for name in own if name in value}


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """Return a value of a schema; `name` is that of the field, behind its schema's."""
    for known in (name, name.rpartition(".")[2]):
        if known in VALUES:
            return VALUES[known]
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "anyOf" in schema:
        kinds: list[Mapping[str, Any]] = schema["anyOf"]
        return None if _NULL in kinds else example(kinds[0], schemas, name)
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    for several in ("examples", "enum"):
        if several in schema:
            return schema[several][0]
    return _made(schema, schemas, name)


def _made(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if "properties" in schema:
        title = schema.get("title", "")
        shown = {*schema.get("required", ()), *SHOWN.get(title, ())}
        return {
            field: example(described, schemas, f"{title}.{field}")
            for field, described in schema["properties"].items()
            if field in shown
        }
    if kind == "array":
        item = schema.get("items", {})
        return [example(item, schemas, f"{name}[]")]
    if kind == "string":
        return _BY_FORMAT.get(schema.get("format", ""), "text")
    return {"integer": schema.get("minimum", 0), "number": 0.5, "boolean": True}.get(kind or "", {})
