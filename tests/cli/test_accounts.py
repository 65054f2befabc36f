"""Keys and the account."""

import json
import stat
from pathlib import Path

from tests.cli.conftest import PASSWORD, Shorten, in_process


def test_a_key_is_shown_once_and_does_what_it_may(shorten: Shorten) -> None:
    made = shorten("keys", "create", "backup", "--scope", "links:read", "--expires-at", "+30d")
    secret = made.out.strip()

    assert made.status == 0
    assert secret.startswith("fon_")
    assert secret not in shorten("keys", "list", "--json").out
    assert shorten("list", SHORTENER_API_KEY=secret).status == 0
    refused = shorten("add", "https://example.com/x", SHORTENER_API_KEY=secret)
    assert refused.status == 4
    assert "the key of SHORTENER_API_KEY may not do this" in refused.err
    assert shorten("keys", "list", SHORTENER_API_KEY=secret).status == 4


def test_a_key_is_revoked_by_its_name(shorten: Shorten) -> None:
    secret = shorten("keys", "create", "old", "-s", "links:read").out.strip()

    assert shorten("keys", "revoke", "old", "--yes").status == 0

    assert shorten("keys", "list").out == ""
    assert shorten("keys", "revoke", "old", "--yes").status == 3
    assert shorten("whoami", SHORTENER_TOKEN="", SHORTENER_API_KEY=f"{secret}x").status == 4


def test_a_key_is_written_to_a_file_that_nobody_else_can_read(
    shorten: Shorten, tmp_path: Path
) -> None:
    target = tmp_path / "backup.key"
    arguments = ("keys", "create", "filed", "-s", "links:read", "-o", str(target))

    made = shorten(*arguments)

    assert (made.status, made.out) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert shorten("list", SHORTENER_API_KEY=target.read_text()).status == 0
    assert shorten(*arguments).status == 2  # it is there already


def test_who_one_is(shorten: Shorten, email: str) -> None:
    secret = shorten("keys", "create", "mine", "-s", "links:read", "-t", "shop").out.strip()

    by_key = shorten("whoami", "--json", SHORTENER_API_KEY=secret).json

    assert shorten("whoami").out.split("\t")[0] == email
    assert (by_key["account"]["email"], by_key["key"]["tag"]) == (email, "shop")


def test_the_password_is_changed_and_the_new_log_in_is_kept(
    environment: dict[str, str], email: str
) -> None:
    url = environment["SHORTENER_URL"]
    plain = {name: value for name, value in environment.items() if not name.startswith("SHORTENER")}
    login = ["login", "--url", url, "-e", email, "--password-stdin"]
    assert in_process(login, plain, PASSWORD).status == 0

    changed = in_process(
        ["account", "password", "--password-stdin"], plain, f"{PASSWORD}\nanother-password\n"
    )

    assert changed.status == 0
    assert in_process(["list"], plain).status == 0
    assert in_process(login, plain, PASSWORD).status == 4
    assert in_process(login, plain, "another-password").status == 0


def test_logging_out_everywhere_ends_this_log_in_too(shorten: Shorten) -> None:
    assert shorten("logout", "--everywhere").status == 0

    assert shorten("list").status == 4


def test_an_account_is_deleted_with_its_password(
    shorten: Shorten, environment: dict[str, str]
) -> None:
    arguments = ["account", "delete", "--links", "disable", "--password-stdin", "--yes"]

    wrong = in_process(arguments, environment, "not-it")
    right = in_process([*arguments, "--json"], environment, PASSWORD)

    assert wrong.status == 4
    assert json.loads(right.out) == {"account": "deleted", "links": "disable"}
    assert shorten("list").status == 4
