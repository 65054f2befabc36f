"""Schemathesis: every operation of the document, asked rightly and wrongly, keeps its promises."""

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from app.routes.openapi import document
from tests.harness.service import Service
from tests.security.sound import Volume, assert_sound, volumes

DOCUMENT = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [
    pytest.param(path, method, id=operation["operationId"])
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
)
# Left out: what guesses at other APIs' meaning (a username of 2 characters is valid JSON; any
# code may be asked for). Tokens and methods have tests of their own.
PROMISES: Any = CHECKS.get_by_names(NAMES)
ACCEPTED = ("*/*", "application/json", "text/html,application/xhtml+xml,*/*;q=0.8", "")
# A code with a slash inside is another path, with that path's answers.
ELSEWHERE: dict[str, tuple[int, ...]] = {
    path: (404, 405) for path in DOCUMENT["paths"] if "{" in path
}
OF_CONNECTIONS = {"date", "server", "connection", "content-type", "content-length", "allow"}


def described_headers(path: str, method: str, status: int) -> set[str]:
    """Return the headers that the document has for an answer, in lower case."""
    response: Any = DOCUMENT["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return {name.lower() for name in response["headers"]}


@volumes
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation(
    attacked: Service, path: str, method: str, mode: GenerationMode, volume: Volume
) -> None:
    asked = 0
    operation = SCHEMA[path][method.upper()]
    session = requests.Session()
    session.trust_env = False

    @settings(max_examples=volume.operations)
    @given(case=operation.as_strategy(generation_mode=mode), accept=st.sampled_from(ACCEPTED))
    def ask(case: Case[Any], accept: str) -> None:
        nonlocal asked
        asked += 1
        case.headers.update({"Accept": accept, "Origin": "https://fonsecaaso.com"})
        answer = case.call(base_url=attacked.url, session=session, timeout=20)
        headers = {name.lower(): values[-1] for name, values in answer.headers.items()}
        page = path in {"/", "/{code}", "/api/docs", "/console/"}
        assert_sound(answer.status_code, headers, answer.content or b"", page=page)
        if answer.status_code in ELSEWHERE.get(path, ()):
            return
        case.validate_response(answer, checks=PROMISES)
        if case.method.lower() == method:
            known = described_headers(path, method, answer.status_code)
            assert set(headers) - OF_CONNECTIONS <= known

    with session:
        ask()

    assert asked >= volume.operations
