"""Make, show, list, edit and end links."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from shorten.tables import moment
from shorten.values import MomentType

from tests.cli.conftest import Shorten, in_process
from tests.harness.service import Service


def test_a_link_is_made_and_its_address_is_all_of_the_output(
    shorten: Shorten, live: Service
) -> None:
    made = shorten("add", "https://example.com/a", "--alias", "first-link")

    assert (made.status, made.out) == (0, f"{live.url}/first-link\n")


def test_the_same_target_again_gives_the_same_link(shorten: Shorten) -> None:
    first = shorten("add", "https://example.com/again")
    second = shorten("make", "https://example.com/again")

    assert (second.status, second.out) == (0, first.out)
    assert second.err == "You had this link already.\n"


def test_a_create_that_is_sent_twice_makes_one_link(shorten: Shorten) -> None:
    arguments = ("add", "https://example.com/once", "--title", "Once", "--idempotency-key", "one")

    assert shorten(*arguments).out == shorten(*arguments).out
    assert len(shorten("list", "Once").lines) == 1


def test_every_field_is_set_and_shown(shorten: Shorten) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    rule = "device=ios language=pt query.ref=news https://example.com/app"

    shorten(
        *("add", "https://example.com/f", "-a", "full", "--title", "Olá", "-t", "A", "-t", "b c"),
        *("--expires-at", "+3d", "--starts-at", "2020-01-31 12:00", "--max-visits", "7"),
        *("--redirect-status", "307", "--forward-query", "yes", "--rule", rule),
    )

    link = shorten("show", "full", "--json").json
    assert (link["title"], link["tags"]) == ("Olá", ["A", "b c"])
    assert abs(datetime.fromisoformat(link["expires_at"]) - soon) < timedelta(minutes=2)
    assert (link["max_visits"], link["redirect_status"], link["forward_query"]) == (7, 307, True)
    assert link["rules"][0]["url"] == "https://example.com/app"
    assert f"rules\t{rule}" in shorten("show", "full").lines


def test_an_empty_value_clears_and_what_is_not_given_stays(shorten: Shorten) -> None:
    shorten("add", "https://example.com/e", "-a", "edited", "--title", "T", "-t", "x", "-t", "y")
    shorten("edit", "edited", "--max-visits", "5", "--rule", "country=BR https://example.com/br")

    changed = shorten("edit", "edited", "--title", "", "--max-visits", "", "--rule", "", "--json")

    link = changed.json
    assert (link["title"], link["max_visits"], link["rules"]) == (None, None, [])
    assert link["tags"] == ["x", "y"]


def test_tags_are_added_and_taken_away_without_regard_to_case(shorten: Shorten) -> None:
    shorten("add", "https://example.com/t", "-a", "tagged", "-t", "News", "-t", "old")

    edited = shorten(
        "edit", "tagged", "--add-tag", "news", "--add-tag", "new", "--remove-tag", "OLD"
    )

    assert "tags\tNews,new" in edited.lines


def test_an_edit_of_what_was_changed_meanwhile_is_refused(shorten: Shorten) -> None:
    shorten("add", "https://example.com/m", "-a", "meanwhile")
    seen = shorten("show", "meanwhile", "--json").json["etag"]
    shorten("edit", "meanwhile", "--title", "Theirs")

    late = shorten("edit", "meanwhile", "--title", "Mine", "--if-match", seen)

    assert late.status == 6
    assert late.err == (
        "Error: somebody else changed this link meanwhile; yours was not written\n"
        "Next: shorten show meanwhile\n"
    )
    assert shorten("show", "meanwhile", "--json").json["title"] == "Theirs"


def test_a_short_url_is_as_good_as_its_code(shorten: Shorten, live: Service) -> None:
    shorten("add", "https://example.com/u", "-a", "by-url")

    assert shorten("show", f"{live.url}/by-url?qr", "--json").json["code"] == "by-url"
    assert shorten("show", "short.example/by-url+", "--json").json["code"] == "by-url"


def test_links_end_and_come_back(shorten: Shorten) -> None:
    shorten("add", "https://example.com/1", "-a", "one-end", "--title", "1")
    shorten("add", "https://example.com/2", "-a", "two-ends", "--title", "2")

    def states() -> list[str]:
        return [shorten("show", code, "--json").json["state"] for code in ("one-end", "two-ends")]

    assert shorten("disable", "one-end", "two-ends").status == 0
    assert states() == ["disabled", "disabled"]
    assert shorten("enable", "one-end").status == 0
    assert states() == ["active", "disabled"]
    assert shorten("rm", "one-end", "--yes").status == 0
    assert shorten("enable", "one-end").status == 0
    assert states() == ["active", "disabled"]


def test_one_of_several_that_fails_does_not_stop_the_others(shorten: Shorten) -> None:
    shorten("add", "https://example.com/s", "-a", "survivor")

    done = shorten("disable", "nobody-has-it", "survivor")

    assert done.status == 3
    assert done.err.splitlines()[:2] == ["nobody-has-it: Short URL not found", "survivor: disabled"]


def test_nothing_is_deleted_where_nobody_can_be_asked(
    shorten: Shorten, environment: dict[str, str]
) -> None:
    shorten("add", "https://example.com/k", "-a", "kept-one")

    asked = in_process(["delete", "kept-one"], environment)

    assert asked.status == 2
    assert "say --yes if you mean it" in asked.err
    assert shorten("show", "kept-one", "--json").json["state"] == "active"


def test_all_pages_are_listed_and_each_link_once(
    shorten: Shorten, environment: dict[str, str]
) -> None:
    addresses = [f"https://example.com/many/{number}" for number in range(230)]
    made = in_process(["add", "-", "-t", "many"], environment, "\n".join(addresses))
    assert (made.status, len(made.lines)) == (0, 230)

    listed = shorten("list", "--tag", "many", "--sort", "code")

    codes = [line.split("\t")[0] for line in listed.lines]
    assert sorted(line.split("\t")[1] for line in listed.lines) == sorted(addresses)
    assert codes == sorted(codes)
    assert len(shorten("list", "--limit", "120").lines) == 120


def test_what_of_many_is_refused_is_said_and_the_rest_is_made(environment: dict[str, str]) -> None:
    lines = b"https://example.com/good\njavascript:bad\n\nhttps://example.com/\xff\n"

    made = in_process(["add", "-"], environment, lines)

    assert made.status == 7
    assert [line.split("\t")[1] for line in made.lines] == ["https://example.com/good"]
    assert "javascript:bad: Invalid URL format: only http and https are accepted" in made.err
    assert "line 4: it is no UTF-8" in made.err
    assert "Error: refused: 2 of 3; the lines above say why" in made.err


def test_a_list_is_filtered_by_state_and_search(shorten: Shorten) -> None:
    shorten("add", "https://example.com/x", "-a", "found-a", "--title", "Blue")
    shorten("add", "https://example.com/y", "-a", "found-b", "--title", "Blue too")
    shorten("disable", "found-b")

    assert [line.split("\t")[0] for line in shorten("ls", "blue").lines] == ["found-b", "found-a"]
    found = shorten("list", "blue", "--state", "disabled", "--json")
    assert [json.loads(line)["code"] for line in found.lines] == ["found-b"]


@pytest.mark.parametrize("tag", [".", "..", "/a//b/", "100%"])
def test_a_tag_is_renamed_whatever_is_in_its_name(shorten: Shorten, tag: str) -> None:
    shorten("add", "https://e.com/odd-tag", "-t", tag)

    assert shorten("tags", "rename", tag, f"renamed {tag}").status == 0


def test_tags_are_listed_and_renamed(shorten: Shorten) -> None:
    shorten("add", "https://example.com/x", "-t", "a/b")

    assert shorten("tags").out == "a/b\t1\n"
    assert shorten("tags", "rename", "a/b", "c").status == 0
    assert shorten("tags", "list", "--json").json == {"name": "c", "links": 1}
    assert shorten("tags", "rename", "gone", "c").status == 3


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("https://example.com/", "is no rule"),
        ("device=ios", "is no rule"),
        ("planet=mars https://example.com/", "'planet=mars' is no rule"),
    ],
)
def test_a_rule_that_is_none_is_explained(shorten: Shorten, rule: str, reason: str) -> None:
    refused = shorten("add", "https://example.com/", "--rule", rule)

    assert refused.status == 2
    assert reason in refused.err


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Sao_Paulo"])
def test_the_last_moment_is_sent_and_shown_wherever_one_is(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    last = "9999-12-31T23:59:59Z"
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        sent = MomentType().convert(last, None, None)
        shown = moment(last)
    time.tzset()

    assert sent == last
    assert shown
