"""Imports part by part: each once, whoever dies; what is not taken is told."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import postgres_from_env
from app.storage.connections import connect
from app.storage.housekeeping import Housekeeping
from tests.harness.room import MACHINE
from tests.harness.servers import Database, Valkey
from tests.routes.conftest import MakeClient
from tests.transfer.conftest import Bring, Headers, SignUp
from tests.transfer.uploading import begin, export, send, upload


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def many(prefix: str, count: int, **more: Any) -> bytes:
    return lines(
        *(
            {"code": f"{prefix}-{n}", "url": f"https://e.com/{prefix}/{n}", **more}
            for n in range(count)
        )
    )


def test_an_import_is_found_again_by_its_digest(client: FlaskClient, bearer: Headers) -> None:
    content = many("again", 10)
    begun = begin(client, bearer, content, "jsonl")
    send(client, bearer, begun["id"], 0, content[:100])

    found = begin(client, bearer, content, "jsonl")

    assert (found["id"], found["offset"], found["state"]) == (begun["id"], 100, "open")


def test_a_finished_one_is_not(client: FlaskClient, bearer: Headers) -> None:
    content = many("finished", 10)
    done = upload(client, bearer, content, "jsonl")

    again = begin(client, bearer, content, "jsonl")

    assert done["state"] == "done"
    assert again["id"] != done["id"]


def test_a_part_is_taken_once(client: FlaskClient, bearer: Headers) -> None:
    content = many("once", 20, visits=3)
    begun = begin(client, bearer, content, "jsonl")
    first = send(client, bearer, begun["id"], 0, content[:300])

    again = send(client, bearer, begun["id"], 0, content[:300])

    assert first.status_code == 200
    assert (again.status_code, again.get_json()["code"]) == (409, "OFFSET_CONFLICT")
    assert again.get_json()["offset"] == 300
    assert again.headers["Upload-Offset"] == "300"


def test_of_two_that_send_the_same_at_once_one_is_taken(
    make_client: MakeClient, client: FlaskClient, bearer: Headers
) -> None:
    app = make_client(GUNICORN_THREADS="16").application
    content = many("race", 300, tags=["a", "b"])
    begun = begin(client, bearer, content, "jsonl")

    def part(_: int) -> int:
        return send(app.test_client(), bearer, begun["id"], 0, content).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(part, range(2)))

    now = client.get(f"/api/imports/{begun['id']}", headers=bearer).get_json()["import"]
    assert statuses == [200, 409]
    assert (now["links"], now["unchanged"], now["state"]) == (300, 0, "done")


def test_two_imports_of_the_same_codes_at_once_are_both_done(
    make_client: MakeClient, client: FlaskClient, bearer: Headers
) -> None:
    app = make_client(GUNICORN_THREADS="16").application
    records = [
        {"code": f"both-{n}", "url": "https://e.com", "tags": ["x", "y"]} for n in range(400)
    ]

    def bring(order: int) -> dict[str, Any]:
        return upload(app.test_client(), bearer, lines(*records[::order]), "jsonl")

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(bring, (1, -1)))

    assert sum(each["links"] for each in done) == 400
    assert sum(each["unchanged"] for each in done) == 400
    assert sum(each["refused"] for each in done) == 0
    assert len(export(client, bearer).splitlines()) == 400


def test_three_bad_lines_of_ten_thousand_are_told(bring: Bring, refusals: Any) -> None:
    records = [
        {"code": f"t{n}x", "url": f"https://e.com/{n}", "created_at": "2020-01-01T00:00:00Z"}
        for n in range(10_000)
    ]
    records[4_999]["url"] = "javascript:alert(1)"
    records[9_998]["created_at"] = "yesterday"
    content = bytearray(lines(*records))
    content[:1] = b"<"

    brought = bring(bytes(content), "jsonl", 300_000)

    assert (brought["links"], brought["unchanged"], brought["refused"]) == (9_997, 0, 3)
    assert [(line, code) for line, code, _ in refusals(brought)] == [
        (1, None),
        (5_000, "t4999x"),
        (9_999, "t9998x"),
    ]
    assert [reason.split(":")[0] for _, _, reason in refusals(brought)] == [
        "the line is no JSON in UTF-8",
        "Invalid URL format",
        "Invalid link",
    ]


def test_what_cannot_be_taken_is_told_and_the_rest_is_taken(
    client: FlaskClient, bearer: Headers, sign_up: SignUp, bring: Bring, refusals: Any
) -> None:
    other = sign_up()
    for alias in ("theirs-x", "own-one"):
        headers = other if alias == "theirs-x" else bearer
        body = {"url": "https://e.com/first", "alias": alias}
        assert client.post("/api/", json=body, headers=headers).status_code == 201
    bad: list[dict[str, Any]] = [
        {"code": "theirs-x", "url": "https://e.com/first"},
        {"code": "THEIRS-X", "url": "https://e.com/first"},
        {"code": "own-one", "url": "https://e.com/second"},
        {"code": "healthz", "url": "https://e.com"},
        {"code": "Signup", "url": "https://e.com"},
        {"code": "a", "url": "https://e.com"},
        {"code": "a b c", "url": "https://e.com"},
        {"code": "self-link", "url": "http://localhost/abc"},
        {"code": "ends-first", "url": "e.com", "starts_at": "2030-01-01T00:00:00Z",
         "expires_at": "2029-01-01T00:00:00Z"},
        {"code": "bad-rule", "url": "e.com", "rules": [{"if": {}, "url": "e.com"}]},
        {"code": "wide-rule", "url": "e.com",
         "rules": [{"if": {"device": "ios", "contry": "BR"}, "url": "e.com"}]},
        {"code": "bad-offset", "url": "e.com", "expires_at": "2030-01-01T00:00:00+05:99"},
        {"code": "bad-count", "url": "e.com", "visits": -1},
        {"code": "many-tags", "url": "e.com", "tags": [str(n) for n in range(21)]},
        {"code": "null-title", "url": "e.com", "title": "\u0000"},
        {"code": "twice", "url": "https://e.com/other"},
    ]  # fmt: skip
    good = [
        {"code": "twice", "url": "https://e.com/one"},
        {"code": "own-one", "url": "https://e.com/first"},
    ]

    brought = bring(lines(*good, *bad), "jsonl")

    told = refusals(brought)
    assert (brought["links"], brought["unchanged"]) == (1, 1)
    assert [(line, code) for line, code, _ in told] == [
        (line, record["code"] if line != 4 else "theirs-x") for line, record in enumerate(bad, 3)
    ]
    assert {line: reason for line, _, reason in told if line in {3, 5, 13, 18}} == {
        3: "Alias already taken",
        5: "the account has a link of this code with another target",
        13: "Invalid link: rules: Object contains unknown field `contry` - at `$[0].if`",
        18: "the account has a link of this code with another target",
    }


@pytest.mark.parametrize("depth", [63, 900, 1_000, 8_000])
def test_what_is_nested_too_deeply_is_told_of_each_kind_of_file(
    bring: Bring, refusals: Any, depth: int
) -> None:
    deep = "[" * depth + "]" * depth

    def named(name: str) -> str:
        return f'{{"key":"{name}-{depth}","url":"https://e.com","domain":"d.test","tags":'

    files = {
        "jsonl": f'{{"code":"j-{depth}","url":"https://e.com","rules":{deep}}}',
        "csv": f"code,url,rules\nc-{depth},https://e.com,{deep}\n",
        "dub": f"[{named('flat')}[]}},{named('deep')}{deep}}}]",
    }

    for kind, text in files.items():
        brought = bring(text.encode(), kind)

        assert (brought["links"], brought["refused"]) == (kind == "dub", 1), kind
        ((_, _, reason),) = refusals(brought)
        assert depth == 63 or "nested too deeply" in reason


def test_another_spelling_of_a_target_is_the_same(bring: Bring, refusals: Any) -> None:
    first = [
        {"code": "spelled-1", "url": "https://spelled.example/P"},
        {"code": "spelled-2", "url": "http://президент.рф/"},
    ]
    again = [
        {"code": "spelled-1", "url": "HTTPS://Spelled.Example/P"},
        {"code": "spelled-2", "url": "http://xn--d1abbgf6aiiy.xn--p1ai/"},
        {"code": "spelled-1", "url": "https://spelled.example/p"},
    ]
    bring(lines(*first), "jsonl")

    brought = bring(lines(*again), "jsonl")

    assert (brought["links"], brought["unchanged"], brought["refused"]) == (0, 2, 1)
    assert [line for line, _, _ in refusals(brought)] == [3]


def test_a_blocked_host_is_refused_in_targets_and_rules(
    client: FlaskClient, bearer: Headers, bring: Bring, refusals: Any, module_database: Database
) -> None:
    with module_database.connect() as connection:
        connection.execute("INSERT INTO blocked_hosts (host, reason) VALUES ('bad.io', 'a test')")
    ends = time.monotonic() + 5 + MACHINE
    while client.post("/api/", json={"url": "https://bad.io"}, headers=bearer).status_code != 400:
        assert time.monotonic() < ends
    rule = {"if": {"device": "ios"}, "url": "https://www.bad.io/"}

    brought = bring(
        lines(
            {"code": "blocked-1", "url": "https://sub.bad.io/x"},
            {"code": "blocked-2", "url": "https://e.com", "rules": [rule]},
            {"code": "blocked-3", "url": "https://e.com"},
        ),
        "jsonl",
    )

    assert brought["links"] == 1
    assert [reason.split(":")[0] for _, _, reason in refusals(brought)] == [
        "This target is blocked"
    ] * 2


def test_refusals_come_in_pages(client: FlaskClient, bearer: Headers, bring: Bring) -> None:
    brought = bring(lines(*({"code": "x", "url": "e.com"} for _ in range(25))), "jsonl")
    path = f"/api/imports/{brought['id']}/refusals"

    pages = []
    after: int | None = 0
    while after is not None:
        query = {"after": after, "limit": 10}
        page = client.get(path, query_string=query, headers=bearer).get_json()
        pages.append([each["line"] for each in page["refusals"]])
        after = page["next_after"]

    assert pages == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_of_many_refusals_ten_thousand_are_kept(bring: Bring, module_database: Database) -> None:
    brought = bring(b"x\n" * 600 + b"{}\n" * 11_000, "jsonl")

    with module_database.connect() as connection:
        row = connection.execute(
            "SELECT count(*), max(line) FROM import_refusals WHERE import_id = %s",
            (brought["id"],),
        ).fetchone()
    assert brought["refused"] == 11_600
    assert row == (10_000, 10_000)


def test_codes_of_six_stay_as_they_are_and_others_become_small(
    client: FlaskClient, bearer: Headers, bring: Bring
) -> None:
    content = lines(
        {"code": "AbCdE1", "url": "https://e.com/1"},
        {"code": "abcde1", "url": "https://e.com/2"},
        {"code": "AbCdEfG", "url": "https://e.com/3"},
        {"code": "Ab-De1", "url": "https://e.com/4"},
    )

    brought = bring(content, "jsonl")

    targets = {
        code: client.get(f"/api/{code}").get_json()["url"]
        for code in ("AbCdE1", "abcde1", "abcdefg", "ABCDEFG", "ab-de1")
    }
    assert brought["links"] == 4
    assert targets == {
        "AbCdE1": "https://e.com/1",
        "abcde1": "https://e.com/2",
        "abcdefg": "https://e.com/3",
        "ABCDEFG": "https://e.com/3",
        "ab-de1": "https://e.com/4",
    }


def test_a_code_that_nobody_had_when_it_was_asked_for_works_soon(
    client: FlaskClient, bring: Bring, module_valkey: Valkey
) -> None:
    asked = client.get("/api/askedB").status_code
    with module_valkey.connect() as redis:
        unknown = redis.keys("*askedB")
        bring(lines({"code": "askedB", "url": "https://e.com"}), "jsonl")
        left = redis.keys("*askedB")

    assert (asked, len(unknown), left) == (404, 1, [])


def test_counts_are_kept_and_never_doubled(
    client: FlaskClient, bearer: Headers, bring: Bring
) -> None:
    content = lines({"code": "counted-1", "url": "https://e.com", "visits": 9, "bots": 2})
    for _ in range(2):
        bring(content, "jsonl")

    link = client.get("/api/links/counted-1", headers=bearer).get_json()
    statistics = client.get("/api/links/counted-1/statistics", headers=bearer).get_json()

    assert (link["visits"], link["bots"]) == (9, 2)
    assert statistics["totals"]["visits"] == 0  # none of them happened here


def test_somebody_elses_import_is_not_there(
    client: FlaskClient, bearer: Headers, sign_up: SignUp
) -> None:
    content = many("private", 3)
    begun = begin(client, bearer, content, "jsonl")
    other = sign_up()
    path = f"/api/imports/{begun['id']}"

    statuses = [
        client.get(path, headers=other).status_code,
        client.get(f"{path}/refusals", headers=other).status_code,
        client.delete(path, headers=other).status_code,
        send(client, other, begun["id"], 0, content).status_code,
        client.get(f"/api/imports/{uuid4()}", headers=bearer).status_code,
        client.get(path).status_code,
    ]

    assert statuses == [404, 404, 404, 404, 404, 401]
    assert client.get("/api/imports", headers=other).get_json()["imports"] == []


def test_five_may_be_open(client: FlaskClient, sign_up: SignUp) -> None:
    headers = sign_up()
    begun = [begin(client, headers, many(f"open-{n}", 2), "jsonl") for n in range(5)]
    body = {"format": "csv", "size": 10}

    refused = client.post("/api/imports", json=body, headers=headers)
    client.delete(f"/api/imports/{begun[0]['id']}", headers=headers)
    taken = client.post("/api/imports", json=body, headers=headers)

    assert (refused.status_code, refused.get_json()["code"]) == (409, "TOO_MANY_IMPORTS")
    assert taken.status_code == 201


@pytest.mark.parametrize("format_", ["auto", "kutt"])
@pytest.mark.parametrize("part", [1 << 20, 6])
def test_wrong_files_are_forgotten_and_lock_nobody_out(
    client: FlaskClient, sign_up: SignUp, format_: str, part: int
) -> None:
    headers = sign_up()

    refused = [
        send_until_refused(client, headers, b"url,title\nhttps://e.com/%d,x\n" % n, format_, part)
        for n in (1, 2, 3, 4, 5, 5)
    ]
    listed = client.get("/api/imports", headers=headers).get_json()["imports"]
    done = upload(client, headers, many(f"after-{format_}-{part}", 2), "auto")

    assert [(each.status_code, each.get_json()["code"]) for each in refused] == [
        (400, "INVALID_IMPORT")
    ] * 6
    assert listed == []
    assert done["links"] == 2


def send_until_refused(
    client: FlaskClient, headers: Headers, content: bytes, format_: str, part: int
) -> TestResponse:
    id_ = begin(client, headers, content, format_)["id"]
    for at in range(0, len(content), part):
        answer = send(client, headers, id_, at, content[at : at + part])
        if answer.status_code != 200:
            return answer
    pytest.fail("the file was taken")


NOT_UTF_8 = "the record is not in UTF-8: save the table as CSV UTF-8"


@pytest.mark.parametrize(
    "row",
    [
        "exc1,https://e.com/1,Promoção,,,",
        "exc1,https://e.com/1,,é,,",
        "excé,https://e.com/1,,,,",
        "exc1,https://é.com/1,,,,",
        "exc1,https://e.com/1,,,1º,",
        "exc1,https://e.com/1,,,,amanhã",
    ],
)
def test_a_table_in_windows_1252_says_so(bring: Bring, refusals: Any, row: str) -> None:
    table = f"code,url,title,tags,visits,expires_at\n{row}\n"

    brought = bring(table.encode("cp1252"))

    ((line, _, reason),) = refusals(brought)
    assert (brought["links"], line, reason) == (0, 2, NOT_UTF_8)


def test_names_of_columns_in_windows_1252_are_told(client: FlaskClient, bearer: Headers) -> None:
    content = "endereço,título\nx,y\n".encode("cp1252")

    answer = send_until_refused(client, bearer, content, "auto", 1 << 20)

    assert answer.status_code == 400
    assert answer.get_json()["details"].endswith("endere\ufffdo, t\ufffdtulo")


def test_a_document_nested_too_deeply_behind_its_beginning_is_told_and_ends(
    client: FlaskClient, bearer: Headers, refusals: Any
) -> None:
    content = b'[{"address":"deep-one","target":"e.com"},' + b"[" * 100 + b'{"address":"x"}'
    begun = begin(client, bearer, content, "kutt")
    send(client, bearer, begun["id"], 0, content[:50])

    done = send(client, bearer, begun["id"], 50, content[50:]).get_json()["import"]

    assert (done["state"], done["links"], done["refused"]) == ("done", 1, 1)
    ((line, _, reason),) = refusals(done)
    assert (line, reason) == (2, "the document is nested too deeply, and is not read from here on")


def test_an_import_is_forgotten_after_a_month_without_a_part(
    client: FlaskClient,
    bearer: Headers,
    module_database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, young = (begin(client, bearer, many(f"aged-{n}", 2), "jsonl") for n in range(2))
    housekeeping = Housekeeping()
    monkeypatch.setattr(housekeeping, "_due", 0.0)
    settings = postgres_from_env({"ENV": "local", **module_database.environment})

    with connect(settings) as connection:
        connection.execute(
            b"UPDATE imports SET changed_at = now() - interval '31 days' WHERE id = $1",
            (old["id"],),
        )
        housekeeping(connection)

    listed = client.get("/api/imports", headers=bearer).get_json()["imports"]
    assert [each["id"] for each in listed] == [young["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"format": "xlsx", "size": 1},
        {"format": "csv", "size": 0},
        {"format": "csv", "size": 2**50},
        {"format": "csv", "size": "1"},
        {"format": "csv", "size": 1, "digest": "abc"},
        {"format": "csv", "size": 1, "name": "x" * 257},
        {"format": "csv", "size": 1, "name": "a\u0000b"},
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(
    client: FlaskClient, bearer: Headers, body: dict[str, Any]
) -> None:
    assert client.post("/api/imports", json=body, headers=bearer).status_code == 400


def test_a_part_that_makes_no_sense_is_refused_and_loses_nothing(
    client: FlaskClient, bearer: Headers
) -> None:
    content = many("parts", 5)
    id_ = begin(client, bearer, content, "jsonl")["id"]
    path = f"/api/imports/{id_}"
    octets = "application/octet-stream"

    statuses = [
        send(client, bearer, id_, 0, b"").status_code,
        send(client, bearer, id_, 7, content).status_code,
        send(client, bearer, id_, 0, content + b"\n").status_code,
        send(client, bearer, id_, 0, b" " * ((1 << 20) + 1)).status_code,
        client.patch(path, data=content, content_type=octets, headers=bearer).status_code,
        client.patch(
            path, data=content, content_type="text/plain",
            headers={**bearer, "Upload-Offset": "0"},
        ).status_code,
    ]  # fmt: skip
    done = send(client, bearer, id_, 0, content)

    assert statuses == [400, 409, 400, 413, 400, 415]
    assert done.get_json()["import"]["links"] == 5


def test_a_file_of_another_kind_stops_at_its_beginning(
    client: FlaskClient, bearer: Headers
) -> None:
    content = b"one,two\n1,2\n"
    id_ = begin(client, bearer, content, "auto")["id"]

    answer = send(client, bearer, id_, 0, content)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_IMPORT")
    assert "one, two" in answer.get_json()["details"]


def test_an_export_goes_on_behind_a_code(
    client: FlaskClient, bearer: Headers, bring: Bring
) -> None:
    bring(many("page", 1_203), "jsonl")
    whole = export(client, bearer)
    head = whole.splitlines(keepends=True)[:700]

    rest = export(client, bearer, after=json.loads(head[-1])["code"])
    table = export(client, bearer, after=json.loads(head[-1])["code"], format="csv")

    assert b"".join(head) + rest == whole
    assert len(table.splitlines()) == 503  # no header


def test_an_export_says_how_much_it_is(client: FlaskClient, bearer: Headers, bring: Bring) -> None:
    bring(many("total", 12), "jsonl")

    answer = client.get("/api/export?format=csv", headers=bearer, buffered=True)

    assert answer.headers["X-Total-Links"] == "12"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="links.csv"'
    assert answer.mimetype == "text/csv"


def test_asking_for_the_head_of_an_export_holds_nothing(
    client: FlaskClient, bearer: Headers
) -> None:
    statuses = {client.head("/api/export", headers=bearer).status_code for _ in range(5)}

    assert statuses == {200}
    assert export(client, bearer) == b""


@pytest.mark.parametrize("query", ["format=xlsx", "after=a%20b", "format="])
def test_a_query_that_makes_no_sense_is_refused(
    client: FlaskClient, bearer: Headers, query: str
) -> None:
    answer = client.get(f"/api/export?{query}", headers=bearer)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_QUERY")


def test_many_links_with_one_tag_are_counted(
    client: FlaskClient, bearer: Headers, bring: Bring, module_database: Database
) -> None:
    bring(
        many("tagged", 2_500, tags=["crowded", "Two"]),
        "jsonl",
    )

    with module_database.connect() as connection:
        counts = connection.execute(
            "SELECT tags.links, (SELECT count(*) FROM link_tags WHERE tag_id = tags.id)"
            " FROM tags WHERE key IN ('crowded', 'two') ORDER BY key"
        ).fetchall()
    assert counts == [(2_500, 2_500), (2_500, 2_500)]
