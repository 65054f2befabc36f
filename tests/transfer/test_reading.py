"""A file becomes records, however it is encoded, separated and cut into parts."""

import codecs
import csv
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.errors import InvalidImport
from app.model.transfers import RECORD_FIELDS, Record, Refusal
from app.transfer.pieces import LONGEST
from app.transfer.reading import PartReader, Reading

Read = list[tuple[int, Record] | Refusal]


def read(content: bytes, format_: str = "auto", part: int | None = None) -> Read:
    """Read a file in parts of so many bytes, as an import does."""
    size = part or len(content)
    reading, rest, found = Reading(format_), b"", []
    for begin in range(0, len(content), size):
        reader = PartReader(reading, rest)
        last = begin + size >= len(content)
        found += list(reader.read(content[begin : begin + size], last=last))
        reading, rest = reader.reading, reader.rest
        assert len(rest) <= LONGEST + 8
    return found


def codes(found: Read) -> list[tuple[int, str]]:
    return [
        (each.line, f"! {each.reason}") if isinstance(each, Refusal) else (each[0], each[1].code)
        for each in found
    ]


TABLE = (
    'code,url,title\r\nabc,https://e.com/1,"two\r\nlines, ""quoted"""\r\nünï,https://e.com/ü,😀\r\n'
)
LINES = "".join(
    json.dumps({"code": f"c{n}", "url": "https://e.com/\u2028ü😀"}, ensure_ascii=n == 1) + "\n"
    for n in range(3)
)
DOCUMENT = json.dumps(
    {
        "total": 2,
        "note": 'not [{"address": 1}] but text \\',
        "data": [
            {"address": "one", "target": 'https://e.com/{}[]"\\', "domain": {"x": [{"y": 1}]}},
            {"address": "twö", "target": "https://e.com/😀"},
        ],
    },
    ensure_ascii=False,
)
ENCODINGS: dict[str, tuple[bytes, str]] = {
    "utf-8": (b"", "utf-8"),
    "utf-8 with a mark": (codecs.BOM_UTF8, "utf-8"),
    "utf-16-le": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-be": (codecs.BOM_UTF16_BE, "utf-16-be"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", [TABLE, LINES, DOCUMENT], ids=["table", "lines", "document"])
@pytest.mark.parametrize("part", [1, 2, 3, 7, 64])
def test_parts_of_any_length_give_the_same(encoding: str, text: str, part: int) -> None:
    mark, name = ENCODINGS[encoding]
    content = mark + text.encode(name)

    assert read(content, part=part) == read(text.encode())
    assert len(read(text.encode())) > 1


def test_a_row_may_have_line_breaks_and_keeps_its_line() -> None:
    found = read(TABLE.encode())

    assert codes(found) == [(2, "abc"), (4, "ünï")]
    assert [each[1].title for each in found if isinstance(each, tuple)] == [
        'two\r\nlines, "quoted"',
        "😀",
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_separators_are_found(separator: str, told: bool, ending: str) -> None:
    lines = [f"sep={separator}"] * told + [
        f"url{separator}Code",
        f'"https://e.com/a{separator}b"{separator}abc',
    ]

    found = read(ending.join(lines).encode())

    assert codes(found) == [(len(lines), "abc")]
    assert isinstance(found[0], tuple)
    assert found[0][1].url == f"https://e.com/a{separator}b"


@pytest.mark.parametrize("part", [None, 1, 5])
@pytest.mark.parametrize("head", ["", "\r", "sep=;\r"])
def test_lines_may_end_in_carriage_returns_alone(part: int | None, head: str) -> None:
    content = head + 'code;url;title\rabc;https://e.com/1;"two\nlines"\r\rabd;https://e.com/2;x'

    found = read(content.encode(), part=part)

    first = 2 + head.count("\r")
    assert codes(found) == [(first, "abc"), (first + 3, "abd")]
    assert [each[1].title for each in found if isinstance(each, tuple)] == ["two\nlines", "x"]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2030-12-31 18:00:00", "2030-12-31T18:00:00+00:00"),
        ("2030-12-31 18:00", "2030-12-31T18:00:00+00:00"),
        ("2030-12-31", "2030-12-31T00:00:00+00:00"),
        ("2030-12-31T18:00:00.5-03:00", "2030-12-31T18:00:00.5-03:00"),  # RFC 3339 already
        ("12/11/2030", "12/11/2030"),
        ("", None),
    ],
)
def test_moments_of_our_own_table_may_have_gone_through_a_spreadsheet(
    cell: str, moment: str | None
) -> None:
    names = [name for name in RECORD_FIELDS if name.endswith("_at")]
    table = f"code,url,{','.join(names)}\nabc,e.com{f',{cell}' * len(names)}\n"

    ((_, record),) = (each for each in read(table.encode()) if isinstance(each, tuple))

    assert {getattr(record, name) for name in names} == {moment}


def test_moments_of_our_own_lines_stay_as_they_are_written() -> None:
    line = b'{"code":"abc","url":"e.com","expires_at":"2030-12-31 18:00:00"}'

    ((_, record),) = (each for each in read(line) if isinstance(each, tuple))

    assert record.expires_at == "2030-12-31 18:00:00"  # which is refused where it is checked


def test_a_quotation_mark_inside_of_a_cell_is_one() -> None:
    assert codes(read(b'code,url,title\nabc,https://e.com,5" disk\nabd,https://e.com,x\n')) == [
        (2, "abc"),
        (3, "abd"),
    ]


@pytest.mark.parametrize("part", [None, 1000, 13])
def test_a_quotation_mark_that_is_never_closed_costs_its_line_alone(part: int | None) -> None:
    content = b'code,url,title\nabc,https://e.com,"open\nabd,https://e.com,x\nabe,https://e.com,y\n'

    assert codes(read(content, part=part)) == [
        (2, "! a quotation mark is never closed"),
        (3, "abd"),
        (4, "abe"),
    ]


@pytest.mark.parametrize(
    ("head", "long", "tail"),
    [
        (
            b"code,url\nabc,https://e.com\n",
            b"abd,https://e.com/" + b"x" * LONGEST,
            b"\nabe,e.com\n",
        ),
        (
            b"code,url\nabc,https://e.com\n",
            b'abd,"https://e.com/' + b"x\n" * (LONGEST // 2),
            b"",
        ),
        (
            b'{"code":"abc","url":"https://e.com"}\n',
            b'{"code":"abd","url":"' + b"x" * LONGEST + b'"}',
            b'\n{"code":"abe","url":"https://e.com"}\n',
        ),
        (
            b'{"data":[{"address":"abc","target":"https://e.com"},',
            b'{"address":"abd","target":"' + b'\\\\x\\"]}' * (LONGEST // 6) + b'"}',
            b',{"address":"abe","target":"https://e.com"}]}',
        ),
    ],
    ids=["row", "quoted row", "line", "record"],
)
@pytest.mark.parametrize("part", [None, 100_000])
def test_what_is_too_long_is_skipped(
    head: bytes, long: bytes, tail: bytes, part: int | None
) -> None:
    found = codes(read(head + long + tail, part=part))

    refused = [text for _, text in found if text.startswith("!")]
    assert found[0][1] == "abc"
    assert refused[0] in {
        "! the record is longer than 256 KiB",
        "! a quotation mark is never closed",
    }
    if tail:
        assert len(refused) == 1
        assert found[-1][1] == "abe"


def test_a_cell_too_many_is_told() -> None:
    content = b"code,url\nabc,https://e.com,more\nabd,https://e.com,,\nabe,https://e.com\n"

    assert codes(read(content)) == [
        (2, "! the row has 3 cells, and the header 2"),
        (3, "abd"),
        (4, "abe"),
    ]


def test_empty_lines_and_rows_are_nothing() -> None:
    assert codes(read(b"\n\ncode,url\n\nabc,e.com\n,\n  \nabd,e.com")) == [(5, "abc"), (8, "abd")]
    assert codes(read(b'\n{"code":"abc","url":"e.com"}\n\n{"code":"abd","url":"e.com"}')) == [
        (2, "abc"),
        (4, "abd"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "the line is no JSON in UTF-8"),
        (b'{"code":"abc"}', "Object missing required field `url`"),
        (b'{"code":"abc","url":"e.com","visits":"many"}', "Expected `int | null`, got `str`"),
        (b'{"code":"abc","url":"\xff"}', "the line is no JSON in UTF-8"),
        (b"[1]", "Expected `object`, got `array`"),
        *(
            (
                b'{"code":"abc","url":"e.com","rules":' + b"[" * depth + b"]" * depth + b"}",
                "the line is nested too deeply",
            )
            for depth in (64, 900, 990, 1_000, 8_000, 50_000)
        ),
        (b'{"rules":' + b"[" * 50_000, "the line is nested too deeply"),
    ],
)
def test_a_line_that_is_no_record_is_told(line: bytes, reason: str) -> None:
    first = b'{"code":"abc","url":"e.com"}\n'

    (_, refused, after) = codes(read(first + line + b"\n" + first))

    assert refused[0] == 2
    assert refused[1].startswith(f"! {reason}")
    assert after == (3, "abc")


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (b"one,two\n1,2\n", "auto"),
        (b"code,url\nabc,e.com\n", "bitly"),
        (b"keyword,url\nabc,e.com\n", "csv"),
        (b'{"code":"abc","url":"e.com"}\n', "csv"),
        (b'{"code":"abc","url":"e.com"}\n', "kutt"),
        (b"\n \n", "auto"),
        (b"PK\x03\x04" + bytes(300_000), "auto"),
        (b"x" * 300_000, "csv"),
        (b'{"data":[' + b"[" * 100, "kutt"),
    ],
)
def test_a_file_of_another_kind_is_refused(content: bytes, format_: str) -> None:
    with pytest.raises(InvalidImport):
        read(content, format_)


def test_a_first_record_that_cannot_be_read_says_why() -> None:
    content = b'[{"address":"abc","target":"' + b"x" * LONGEST + b'"}]'

    with pytest.raises(InvalidImport, match="longer than 256 KiB"):
        read(content, "kutt")


@pytest.mark.parametrize("part", [None, 7])
def test_nothing_is_read_behind_a_nesting_too_deep(part: int | None) -> None:
    good = b'{"address":"abc","target":"e.com"}'
    content = b"[" + good + b"," + b"[" * 100 + good + b"]" * 101 + b"[" + good + b"]"

    found = codes(read(content, "kutt", part))

    assert [line for line, _ in found] == [1, 2]
    assert found[1][1].startswith("! the document is nested too deeply")


def test_pages_of_an_api_may_follow_each_other() -> None:
    page = '{"data":[{"address":"abc","target":"e.com"}]}\n'
    other = '{"data":[]}{"data":[{"address":"abd","target":"e.com"}]}'

    assert codes(read((page + other).encode(), "kutt", part=5)) == [(1, "abc"), (2, "abd")]


def test_a_document_that_is_cut_off_is_told() -> None:
    assert codes(read(b'[{"address":"abc","target":"e.com"},{"address":"ab', "kutt")) == [
        (1, "abc"),
        (2, "! the document ends in this record"),
    ]


_cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_cells, _cells), max_size=6), st.integers(1, 40))
def test_any_text_in_a_table_comes_through(pairs: list[tuple[str, str]], part: int) -> None:
    text = io.StringIO()
    rows: Iterable[list[Any]] = [["c", f"u{one}", two] for one, two in pairs]
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["code", "url", "title"], *rows])

    found = read(text.getvalue().encode(), part=part)

    given_ = [(f"u{one}", two) for one, two in pairs]
    assert [(each[1].url, each[1].title or "") for each in found if isinstance(each, tuple)] == [
        (one, two[1:] if _is_guarded(two) else two) for one, two in given_
    ]


def _is_guarded(text: str) -> bool:
    return text.startswith("'") and text.lstrip("'")[:1] in set("=+-@\t\r")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.recursive(
            st.text() | st.integers() | st.none(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=5,
    ),
    st.integers(1, 50),
    st.booleans(),
)
def test_any_document_is_cut_into_its_records(values: list[Any], part: int, indented: bool) -> None:
    records = [{"address": "abc", "target": "e.com", "other": value} for value in values]
    text = json.dumps({"links": records}, indent=2 if indented else None)
    if not records:
        return

    found = read(text.encode(), "kutt", part)

    assert codes(found) == [(number, "abc") for number in range(1, len(records) + 1)]
