"""The digest that SQL gives rows of the Go service is the one that the application looks for."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.model.errors import InvalidUrl
from app.targets import accept
from tests.harness.servers import Database


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[psycopg.Connection]:
    """Connect once for all examples."""
    with module_database.connect() as connection:
        yield connection


rests = st.tuples(
    st.sampled_from(["", "/", "?", "#"]), st.text(st.characters(exclude_categories=["Cc", "Cs"]))
).map(lambda it: it[0] + it[1] if it[0] else "")
given_urls = st.tuples(
    st.sampled_from(["https://", "http://", "HTTP://", "Https://", ""]),
    st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?\.[a-zA-Z]{2,6}", fullmatch=True),
    st.sampled_from(["", ":", ":80", ":443", ":8080", ":0080"]),
    rests,
).map("".join)


@example("https://e.com:/")
@example("E.com:8080/A?B#C")
@example("https://[2001:DB8::1]:80/X")
@example("https://e.com?X=://Y")
@example("https://e.com/\u0130\u1e9e")
@given(given_urls)
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_sql_and_python_agree_on_hosts_of_ascii(connection: psycopg.Connection, url: str) -> None:
    try:
        target = accept(url, own_hosts=frozenset(), local=False)
    except InvalidUrl:
        return  # not every text is a target; what is refused has no digest
    # Both spellings: rows of the Go service may lack the scheme.
    row = connection.execute(
        "SELECT link_target_digest(%s), link_target_digest(%s)", (target.url, url.strip(" "))
    ).fetchone()

    assert row == (target.digest, target.digest)
