"""Who asks: logging in, the configuration file, the environment; and that secrets stay there."""

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import PASSWORD, Shorten, bare_environment, in_process
from tests.harness.service import Service


def file_of(folder: Path) -> Path:
    return folder / "config" / "shortener" / "config.toml"


def test_who_logs_in_is_remembered_in_a_file_that_nobody_else_can_read(
    live: Service, email: str, tmp_path: Path
) -> None:
    environment = bare_environment(tmp_path)
    arguments = ["login", "--url", f"{live.url}/api/", "-e", email, "--password-stdin"]

    done = in_process(arguments, environment, f"{PASSWORD}\n", umask=0)

    assert (done.status, done.err) == (0, f"Logged in at {live.url} as {email}.\n")
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(file_of(tmp_path).parent.stat().st_mode) == 0o700
    assert PASSWORD not in file_of(tmp_path).read_text()
    assert in_process(["list"], environment).status == 0
    assert in_process(["logout"], environment).status == 0
    assert in_process(["list"], environment).status == 4


def test_comments_and_a_key_in_the_file_survive_a_login(
    live: Service, email: str, tmp_path: Path
) -> None:
    file = keep(tmp_path, f'# mine\nurl = "{live.url}"\napi_key = "a-key"\n')

    done = in_process(
        ["login", "-e", email, "--password-stdin"], bare_environment(tmp_path), PASSWORD
    )

    assert done.status == 0
    assert "api_key in" in done.err
    assert file.read_text().startswith(f'# mine\nurl = "{live.url}"\napi_key = "a-key"\ntoken = "')


def test_a_file_that_others_can_read_is_refused_with_its_cure(
    shorten: Shorten, tmp_path: Path
) -> None:
    file = keep(tmp_path, 'token = "abc"\n')
    file.chmod(0o640)

    refused = shorten("list")

    assert refused.status == 2
    assert "holds secrets, and others can read it (mode 640)" in refused.err
    assert f"Next: chmod 600 {file}" in refused.err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("token = 'abc", "is no TOML"),
        ("tokn = 'abc'", "has 'tokn', which means nothing"),
        ("token = 3", "token in"),
        ("url = 'ftp://x'", "is no address"),
        ("url = 'https://u:very-secret@example.org'", "no password"),
        ("token = 'a b very-secret'", "has characters that no token has"),
    ],
)
def test_a_file_that_makes_no_sense_is_explained_and_not_quoted(
    live: Service, tmp_path: Path, text: str, reason: str
) -> None:
    keep(tmp_path, text)

    refused = in_process(["list"], bare_environment(tmp_path))

    assert refused.status == 2
    assert reason in refused.err
    assert "very-secret" not in refused.err


def test_what_the_file_holds_goes_to_its_own_service_only(live: Service, tmp_path: Path) -> None:
    keep(tmp_path, 'url = "https://elsewhere.example"\ntoken = "abc"\n')

    refused = in_process(["--url", live.url, "list"], bare_environment(tmp_path))

    assert refused.status == 4
    assert "you are not logged in" in refused.err


def test_the_environment_goes_before_the_file(shorten: Shorten, tmp_path: Path) -> None:
    keep(tmp_path, 'url = "https://elsewhere.example"\ntoken = "abc"\n')

    assert shorten("list").status == 0
    refused = shorten("list", SHORTENER_API_KEY="fon_wrong")
    assert refused.status == 4
    assert "the key of SHORTENER_API_KEY is not valid" in refused.err


def test_no_service_is_named(tmp_path: Path) -> None:
    refused = in_process(["list"], bare_environment(tmp_path))

    assert refused.status == 2
    assert "it is not known which shortener to use" in refused.err


def test_without_an_account_links_are_made_and_not_managed(live: Service, tmp_path: Path) -> None:
    environment = bare_environment(tmp_path) | {"SHORTENER_URL": live.url}

    made = in_process(["add", "https://example.com/nobody"], environment)

    assert made.status == 0
    assert made.out.startswith(live.url)
    assert "Made without an account" in made.err


def test_a_wrong_password_is_not_let_in(live: Service, email: str, tmp_path: Path) -> None:
    arguments = ["login", "--url", live.url, "-e", email, "--password-stdin"]

    refused = in_process(arguments, bare_environment(tmp_path), "not-the-password")

    assert (refused.status, refused.err) == (4, "Error: Invalid email or password\n")
    assert not file_of(tmp_path).exists()


def test_secrets_are_in_no_output_however_verbose(
    shorten: Shorten, environment: dict[str, str]
) -> None:
    secret = environment["SHORTENER_TOKEN"]
    told = [
        shorten("-v", "list", "private-search"),
        shorten("-v", "list", SHORTENER_URL="http://127.0.0.1:9"),
        shorten("-v", "list", SHORTENER_TOKEN=f"{secret}\nX: y"),
        shorten("-v", "list", SHORTENER_API_KEY=f"{secret}x"),
    ]

    assert told[0].err.startswith("GET /api/links: 200, request ")
    for result in told:
        assert secret not in result.out + result.err
        assert "private-search" not in result.err


def test_a_password_of_netrc_is_not_sent(environment: dict[str, str], tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password wrong\n")
    netrc.chmod(0o600)

    assert in_process(["list"], environment).status == 0


def keep(folder: Path, text: str) -> Path:
    """Write a configuration file as it should be."""
    file = file_of(folder)
    file.parent.mkdir(parents=True, mode=0o700)
    file.touch(0o600)
    file.write_text(text)
    return file
