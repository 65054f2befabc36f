"""Files that other services give their users; each is made by hand after what those write."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.transfer.conftest import Bring, ExportOf, Headers, SignUp

# ruff: noqa: E501  # lines of files are as long as they are
BITLY = """\
Title,Link,Custom Link,Destination URL,Tags,Created,Total Clicks
Spring sale,https://bit.ly/3AbCdEf,https://brnd.co/bitly-spring,https://e.com/spring?x=1,"sale, 2024",2024-03-01T09:30:00+0000,"1,204"
,bit.ly/3ZyXw9,,https://e.com/plain,,2023-12-31T23:59:59Z,0
"""
BITLY_API = {
    "links": [
        {
            "created_at": "2024-03-01T09:30:00+0000",
            "id": "bit.ly/4QwErTy",
            "link": "https://bit.ly/4QwErTy",
            "custom_bitlinks": ["https://brnd.co/bitly-api", "https://brnd.co/bitly-more"],
            "long_url": "https://e.com/api",
            "title": "From the API",
            "archived": False,
            "tags": ["one", "two"],
        }
    ],
    "pagination": {"total": 1, "page": 1},
}
DUB = """\
Short link,Destination URL,Clicks,Created at,Expires at,Updated at,Tags,Archived
https://dub.sh/dub-spring,https://e.com/dub,42,2025-05-06T07:08:09.123Z,2031-01-01T00:00:00.000Z,2025-06-01T00:00:00.000Z,"[""news"",""eu""]",false
https://dub.sh/Dub-Plain,https://e.com/dub2,0,Tue May 06 2025 07:08:09 GMT+0000 (Coordinated Universal Time),,,,false
https://dub.sh/in/folders,https://e.com/dub3,0,2025-05-06T07:08:09.123Z,,,,false
"""
DUB_API = [
    {
        "id": "link_1",
        "domain": "dub.sh",
        "key": "dub-api",
        "url": "https://e.com/dub-api",
        "shortLink": "https://dub.sh/dub-api",
        "ios": "https://apps.e.com/ios",
        "android": None,
        "geo": {"BR": "https://e.com/br"},
        "password": None,
        "title": "Rules",
        "tags": [{"id": "tag_1", "name": "geo", "color": "red"}],
        "clicks": 9,
        "lastClicked": "2025-07-01T10:00:00.000Z",
        "createdAt": "2025-05-06T07:08:09.123Z",
        "updatedAt": "2025-05-06T07:08:09.123Z",
        "expiresAt": None,
    },
    {"key": "dub-secret", "url": "https://e.com/s", "shortLink": "x", "password": "hunter2"},
]
KUTT = {
    "total": 3,
    "limit": 10,
    "skip": 0,
    "data": [
        {
            "id": "8a1f9c3e-5a0c-4d7e-9f1e-0d0c2f6b7a11",
            "address": "kUtT42",
            "banned": False,
            "created_at": "2022-02-03T04:05:06.789Z",
            "updated_at": "2022-03-03T04:05:06.789Z",
            "description": "A description",
            "expire_in": "2032-02-03T04:05:06.789Z",
            "password": False,
            "target": "https://e.com/kutt",
            "visit_count": 77,
            "domain": None,
            "link": "https://kutt.it/kUtT42",
        },
        {
            "address": "kutt-banned",
            "banned": True,
            "created_at": "2022-02-03T04:05:06.789Z",
            "target": "https://e.com/banned",
            "password": False,
            "visit_count": 1,
        },
        {
            "address": "kutt-secret",
            "banned": False,
            "created_at": "2022-02-03T04:05:06.789Z",
            "target": "https://e.com/secret",
            "password": True,
            "visit_count": 1,
        },
    ],
}
SHLINK = """\
createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits
2021-06-07T08:09:10+02:00,s.test,shlink-spring,https://s.test/shlink-spring,https://e.com/shlink,Title,news|eu,15
2021-06-07T08:09:10+02:00,s.test,aB3dE,https://s.test/aB3dE,https://e.com/shlink2,,,0
"""
SHLINK_OLD = """\
"createdAt","shortUrl","longUrl","title","tags","visits"
"2021-06-07T08:09:10+02:00","https://s.test/shlink-old","https://e.com/old","","","3"
"""
SHLINK_IMPORTER = """\
Long URL;Tags;Domain;Short code;Title
https://e.com/importer;foo|bar;;shlink-csv;A title
"""
SHLINK_API = {
    "shortUrls": {
        "data": [
            {
                "shortCode": "shlink-api",
                "shortUrl": "https://s.test/shlink-api",
                "longUrl": "https://e.com/shlink-api",
                "dateCreated": "2021-06-07T08:09:10+02:00",
                "visitsSummary": {"total": 5, "nonBots": 3, "bots": 2},
                "tags": ["api"],
                "meta": {
                    "validSince": "2021-01-01T00:00:00+00:00",
                    "validUntil": None,
                    "maxVisits": 5,
                },
                "domain": None,
                "title": None,
                "crawlable": False,
                "forwardQuery": True,
            }
        ],
        "pagination": {"currentPage": 1, "pagesCount": 1},
    }
}
YOURLS = """\
keyword,url,title,timestamp,ip,clicks
yourls-one,https://e.com/yourls,"A title, with a comma",2019-01-02 03:04:05,127.0.0.1,321
ozh,https://e.com/yourls2,,2019-01-02 03:04:05,127.0.0.1,0
"""
# As phpMyAdmin writes the table unless it is told to write the columns' names too.
YOURLS_NAMELESS = (
    '"yourls-bare","https://e.com/yourls4","A ""title""","2019-01-02 03:04:05","127.0.0.1","7"\n'
    '"yourls-last","https://e.com/yourls5","","2020-01-02 03:04:05","127.0.0.1","0"\n'
)
YOURLS_NULLS = (
    '"yourls-null","https://e.com/yourls6",NULL,"2019-01-02 03:04:05","127.0.0.1","7"\n'
    '"NULL","https://e.com/yourls7","NULL","2019-01-02 03:04:05",NULL,"0"\n'
)
YOURLS_PLUGIN = "source,target,hits\r\n/yourls-two/,https://e.com/yourls3,12\r\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1)


FILES: dict[str, tuple[str, str, int, list[str]]] = {
    "bitly": ("bitly", BITLY, 3, []),
    "bitly, API": ("bitly", _json(BITLY_API), 3, []),
    "dub": ("dub", DUB, 2, ["Invalid alias"]),
    "dub, API": ("dub", _json(DUB_API), 1, ["the link asks for a password"]),
    "kutt": ("kutt", _json(KUTT), 2, ["the link asks for a password"]),
    "shlink": ("shlink", SHLINK, 2, []),
    "shlink, old": ("shlink", SHLINK_OLD, 1, []),
    "shlink, importer": ("shlink", SHLINK_IMPORTER, 1, []),
    "shlink, API": ("shlink", _json(SHLINK_API), 1, []),
    "yourls": ("yourls", YOURLS, 2, []),
    "yourls, nameless": ("yourls", YOURLS_NAMELESS, 2, []),
    "yourls, plugin": ("yourls", YOURLS_PLUGIN, 1, []),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("told", [False, True])
def test_each_file_is_known_and_taken(bring: Bring, refusals: Any, name: str, told: bool) -> None:
    format_, text, links, refused = FILES[name]

    brought = bring(_renamed(text, f"{told}-{name}").encode(), format_ if told else "auto")

    reasons = [reason for _, _, reason in refusals(brought)]
    assert brought["format"] == format_
    assert (brought["links"], brought["refused"]) == (links, len(refused)), reasons
    assert [
        reason.startswith(expected) for reason, expected in zip(reasons, refused, strict=True)
    ] == [True] * len(refused)


def _renamed(text: str, name: str) -> str:
    """Give each test's links codes of their own: the file's tests share a database."""
    mark = "".join(each for each in name if each.isalnum())
    for code in (
        "bitly-", "3AbCdEf", "4QwErTy", "3ZyXw9", "dub-", "Dub-", "kUtT42", "kutt-", "shlink-", "aB3dE", "yourls-", "ozh",
    ):  # fmt: skip
        for before in ("/", '"', ",", ";", "\n"):
            text = text.replace(f"{before}{code}", f"{before}{mark}-{code}")
    return text


CASES: list[tuple[str, str, dict[str, Any]]] = [
    (
        BITLY,
        "bitly-spring",
        {
            "url": "https://e.com/spring?x=1",
            "title": "Spring sale",
            "tags": ["sale", "2024"],
            "created_at": "2024-03-01T09:30:00Z",
            "visits": 1204,
        },
    ),
    (BITLY, "3ZyXw9", {"url": "https://e.com/plain", "created_at": "2023-12-31T23:59:59Z"}),
    (
        BITLY,
        "3abcdef",
        {
            "url": "https://e.com/spring?x=1",
            "title": "Spring sale",
            "tags": ["sale", "2024"],
            "created_at": "2024-03-01T09:30:00Z",
            "visits": 0,
        },
    ),
    (_json(BITLY_API), "bitly-more", {"url": "https://e.com/api", "tags": ["one", "two"]}),
    (_json(BITLY_API), "4qwerty", {"url": "https://e.com/api", "tags": ["one", "two"]}),
    (_json(BITLY_API), "bitly-api", {"tags": ["one", "two"], "title": "From the API"}),
    (
        DUB,
        "dub-spring",
        {
            "tags": ["news", "eu"],
            "visits": 42,
            "expires_at": "2031-01-01T00:00:00Z",
            "created_at": "2025-05-06T07:08:09.123000Z",
            "changed_at": "2025-06-01T00:00:00Z",
        },
    ),
    (DUB, "dub-plain", {"created_at": "2025-05-06T07:08:09Z", "tags": []}),
    (
        _json(DUB_API),
        "dub-api",
        {
            "rules": [
                {"if": {"device": "ios"}, "url": "https://apps.e.com/ios"},
                {"if": {"country": "BR"}, "url": "https://e.com/br"},
            ],
            "tags": ["geo"],
            "last_visit_at": "2025-07-01T10:00:00Z",
        },
    ),
    (
        _json(KUTT),
        "kUtT42",
        {
            "title": "A description",
            "expires_at": "2032-02-03T04:05:06.789000Z",
            "created_at": "2022-02-03T04:05:06.789000Z",
            "visits": 77,
        },
    ),
    (_json(KUTT), "kutt-banned", {"state": "disabled"}),
    (
        SHLINK,
        "shlink-spring",
        {"tags": ["news", "eu"], "created_at": "2021-06-07T06:09:10Z", "visits": 15},
    ),
    (SHLINK, "ab3de", {"url": "https://e.com/shlink2"}),
    (SHLINK_IMPORTER, "shlink-csv", {"tags": ["foo", "bar"], "title": "A title"}),
    (
        _json(SHLINK_API),
        "shlink-api",
        {
            "visits": 3,
            "bots": 2,
            "max_visits": 5,
            "state": "exhausted",
            "forward_query": True,
            "starts_at": "2021-01-01T00:00:00Z",
        },
    ),
    (
        YOURLS,
        "yourls-one",
        {
            "title": "A title, with a comma",
            "created_at": "2019-01-02T03:04:05Z",
            "visits": 321,
        },
    ),
    (
        YOURLS_NAMELESS,
        "yourls-bare",
        {"title": 'A "title"', "created_at": "2019-01-02T03:04:05Z", "visits": 7},
    ),
    (YOURLS_NULLS, "yourls-null", {"title": None, "visits": 7}),
    (YOURLS_NULLS, "null", {"title": None, "url": "https://e.com/yourls7"}),
    (
        "keyword,url,title,timestamp,ip,clicks\nyourls-nulls,e.com,\\N,NULL,NULL,NULL\n",
        "yourls-nulls",
        {"title": None, "visits": 0},
    ),
    (
        _json([{"keyword": "yourls-json", "url": "e.com", "title": "NULLs", "x": {}, "y": []}]),
        "yourls-json",
        {"title": "NULLs"},
    ),
    (YOURLS_PLUGIN, "yourls-two", {"url": "https://e.com/yourls3", "visits": 12}),
]


def test_what_they_say_is_kept(client: FlaskClient, bearer: Headers, bring: Bring) -> None:
    for text in dict.fromkeys(text for text, _, _ in CASES):
        bring(text.encode())

    for _, code, expected in CASES:
        link = client.get(f"/api/links/{code}", headers=bearer).get_json()
        assert {name: link[name] for name in expected} == expected, code
        assert link["code"] == code


def test_moments_are_read_as_rfc_3339_writes_them(
    client: FlaskClient, bearer: Headers, bring: Bring, refusals: Any
) -> None:
    moments = {
        "leap": "2016-12-31T23:59:60Z",
        "never": "9999-12-31T23:59:59Z",
        "offset": "2026-01-01T00:00:00+05:99",
    }
    header = "createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits\n"
    rows = [
        f"{moment},s.test,when-{name},https://s.test/when-{name},https://e.com/{name},,,0\n"
        for name, moment in moments.items()
    ]

    told = refusals(bring("".join([header, *rows]).encode()))

    created = {
        name: client.get(f"/api/links/when-{name}", headers=bearer).get_json()["created_at"]
        for name in ("leap", "never")
    }
    assert created == {"leap": "2017-01-01T00:00:00Z", "never": "9999-12-31T23:59:59Z"}
    assert [(line, code) for line, code, _ in told] == [(4, "when-offset")]


def _bitly(code: str, **more: Any) -> dict[str, Any]:
    return {"link": f"https://bit.ly/{code}", "long_url": "https://e.com/bitly"} | more


def _dub(code: str, **more: Any) -> dict[str, Any]:
    return {"shortLink": f"https://dub.sh/{code}", "key": code, "url": "https://e.com/d"} | more


def _shlink(code: str, **more: Any) -> dict[str, Any]:
    return {"shortCode": code, "longUrl": "https://e.com/shlink"} | more


LATER = "2031-01-01T00:00:00Z"
NOT_HERE: list[tuple[str, dict[str, Any], str]] = [
    ("shlink", _shlink("no-rules", hasRedirectRules=True), "the link has redirect rules"),
    ("dub", _dub("no-pass", password="x"), "the link asks for a password"),
    ("dub", _dub("no-end", expiresAt=LATER, expiredUrl="https://e.com/over"), "the link leads"),
    ("dub", _dub("no-test", testVariants=[{"url": "https://e.com/b"}]), "the link leads"),
    ("bitly", _bitly("no-apps", deeplinks=[{"app_uri_path": "/x"}]), "the link opens apps"),
]


@pytest.mark.parametrize(("format_", "link", "reason"), NOT_HERE)
def test_what_would_lead_elsewhere_than_it_did_is_refused(
    bring: Bring, refusals: Any, format_: str, link: dict[str, Any], reason: str
) -> None:
    brought = bring(_json([link]).encode(), format_)

    ((line, _, told),) = refusals(brought)
    assert (brought["links"], line) == (0, 1)
    assert told.startswith(reason)


TAKEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("dub", _dub("is-off", disabledAt="2024-05-01T00:00:00Z"), {"state": "disabled"}),
    ("dub", _dub("is-archived", archived=True), {"state": "active"}),
    ("dub", _dub("no-expiry", expiredUrl="https://e.com/over"), {"state": "active"}),
    ("dub", _dub("no-variants", testVariants=None), {"state": "active"}),
    ("bitly", _bitly("is-archived-too", archived=True, deeplinks=[]), {"state": "active"}),
    ("shlink", _shlink("no-rule", hasRedirectRules=False), {"rules": []}),
    ("shlink", _shlink("forwards", forwardQuery="true"), {"forward_query": True}),
    ("shlink", _shlink("is-limited", maxVisits="7"), {"max_visits": 7}),
    (
        "shlink",
        _shlink("by-device", deviceLongUrls={"android": "https://e.com/a", "ios": None}),
        {"rules": [{"if": {"device": "android"}, "url": "https://e.com/a"}]},
    ),
]


@pytest.mark.parametrize(("format_", "link", "expected"), TAKEN)
def test_what_links_here_can_do_too_is_taken(
    bring: Bring,
    export_of: ExportOf,
    format_: str,
    link: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    brought = bring(_json([link]).encode(), format_)

    made = export_of(link.get("key") or link.get("shortCode") or link["link"].rsplit("/", 1)[1])
    assert brought["links"] == 1
    assert {name: made[name] for name in expected} == expected


def test_a_link_that_bitly_has_deleted_is_deleted(bring: Bring, export_of: ExportOf) -> None:
    bring(_json([_bitly("was-deleted", is_deleted=True)]).encode(), "bitly")

    assert export_of("was-deleted")["state"] == "deleted"


def test_each_code_of_a_link_comes_once_and_counts_once(
    bring: Bring, export_of: ExportOf, refusals: Any
) -> None:
    link = _bitly(
        "gen-code",
        custom_bitlinks=["https://bit.ly/gen-first", "bit.ly/gen-more", "bit.ly/gen-code"],
        total_clicks=9,
    )

    first, again = (bring(_json([link]).encode(), "bitly") for _ in range(2))

    assert (first["links"], again["links"], again["unchanged"]) == (3, 0, 3)
    assert [export_of(code)["visits"] for code in ("gen-first", "gen-more", "gen-code")] == [
        9, 0, 0,
    ]  # fmt: skip


def test_each_code_that_cannot_be_taken_is_told(bring: Bring, refusals: Any) -> None:
    link = _bitly("half-code", custom_bitlinks=["bit.ly/api", "bit.ly/half-more", "bit.ly/a/b"])

    brought = bring(_json([link]).encode(), "bitly")

    ((line, code, reason),) = refusals(brought)
    assert (brought["links"], brought["refused"], line, code) == (2, 2, 1, "api")
    assert "; a/b: Invalid alias" in reason


def test_codes_that_others_have_are_each_told(
    client: FlaskClient, bring: Bring, refusals: Any, sign_up: SignUp
) -> None:
    headers = sign_up()
    for alias in ("theirs-1", "theirs-2"):
        body = {"url": "https://e.com/theirs", "alias": alias}
        assert client.post("/api/", json=body, headers=headers).status_code == 201
    link = _bitly("theirs-1", custom_bitlinks=["bit.ly/theirs-2", "bit.ly/a/b"])

    brought = bring(_json([link]).encode(), "bitly")

    ((_, _, reason),) = refusals(brought)
    assert brought["refused"] == 3
    assert all(name in reason for name in ("theirs-1: Alias", "theirs-2: Alias"))


@pytest.mark.parametrize("tag", [{"tag": [1]}, {"tag": None}, {"name": ["x"]}, [], 7, None])
def test_a_tag_of_another_shape_breaks_nothing(bring: Bring, tag: Any) -> None:
    brought = bring(_json([_dub("odd-tag", tags=[tag, "even"])]).encode(), "dub")

    assert brought["links"] + brought["unchanged"] + brought["refused"] == 1


def test_a_link_of_very_many_codes_is_refused(bring: Bring, refusals: Any) -> None:
    link = _bitly("many", custom_bitlinks=[f"bit.ly/many-{n}" for n in range(200)])

    brought = bring(_json([link]).encode(), "bitly")

    assert refusals(brought)[0][2] == "the link has more than 100 codes"
