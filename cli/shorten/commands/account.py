"""Log in and out, and look after the account."""

from __future__ import annotations

import sys
from typing import Any

import click

from shorten.calls import Call
from shorten.configuration import API_KEY, TOKEN, checked_url, is_private, keep
from shorten.errors import NotFound, WrongConfiguration
from shorten.sections import Sections
from shorten.service import Service, expect
from shorten.session import Session, json_option, pass_session, yes_option
from shorten.tables import moment

_password_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from stdin."
)
_url_option = click.option("--url", metavar="URL", help="The shortener; it is remembered.")
_email_option = click.option("-e", "--email", help="The address of the account.")


@click.command(short_help="Log in; the password is asked for.")
@_url_option
@_email_option
@_password_option
@json_option
@pass_session
def login(session: Session, url: str | None, email: str | None, from_stdin: bool) -> None:
    """Log in for a day. The password is asked for and never shown or kept.

    The token goes to the configuration file, which nobody else can read.
    """
    service = _stranger(session, url)
    email = email or _ask(session, "Email", "--email")
    password = _password(session, from_stdin)
    answer = _send(service, "/api/login", {"email": email, "password": password})
    _remember(session, service.url, expect(answer, "token"))
    _tell(session, service.url, email)


@click.command(short_help="Make an account, and log in.")
@_url_option
@_email_option
@click.option("--username", help="A name, if you want one.")
@_password_option
@json_option
@pass_session
def signup(
    session: Session, url: str | None, email: str | None, username: str | None, from_stdin: bool
) -> None:
    """Make an account, and log in to it."""
    service = _stranger(session, url)
    email = email or _ask(session, "Email", "--email")
    password = _password(session, from_stdin, confirm=True)
    body = {"email": email, "password": password} | ({"username": username} if username else {})
    answer = _send(service, "/api/signup", body)
    _remember(session, service.url, expect(answer, "token"))
    _tell(session, service.url, email)


@click.command(short_help="Forget the token, here or everywhere.")
@click.option("--everywhere", is_flag=True, help="End all log-ins of the account.")
@click.option("--keys", "keys_too", is_flag=True, help="With --everywhere: revoke all keys too.")
@json_option
@pass_session
def logout(session: Session, everywhere: bool, keys_too: bool) -> None:
    """Forget the token of this machine; with --everywhere the service forgets all of them."""
    if keys_too and not everywhere:
        raise click.UsageError("--keys goes with --everywhere")
    if everywhere:
        body = {"keys": True} if keys_too else {}
        session.own_service.call(Call("POST", "/api/account/logout-everywhere", json=body))
    keep(session.config, {"token": None})
    if session.output.as_json:
        session.output.json({"logged_out": "everywhere" if everywhere else "here"})
    else:
        session.output.say("Logged out everywhere." if everywhere else "Logged out here.")


@click.command(short_help="Show who you are to the service.")
@json_option
@pass_session
def whoami(session: Session) -> None:
    """Show which account, or which key, the service knows you by."""
    service = session.own_service
    body = service.get("/api/account")
    found = expect(body, "account")
    output = session.output
    if output.as_json:
        output.json({name: value for name, value in body.items() if name != "message"})
        return
    output.row([found["email"]] if output.is_terminal else [found["email"], found["id"]])
    if not output.is_terminal:
        return
    output.say(f"at {service.url}, since {moment(found['created_at'])[:10]}", "dim")
    key = body.get("key")
    if key:
        limits = f", only links tagged {key['tag']}" if key.get("tag") else ""
        output.say(f"by the key {key['name']}: {', '.join(key['scopes'])}{limits}", "dim")


@click.group(cls=Sections, short_help="Change the password, or delete the account.")
def account() -> None:
    """Change the password, or delete the account."""


@click.command()
@_password_option
@json_option
@pass_session
def password(session: Session, from_stdin: bool) -> None:
    """Change the password; all other log-ins end.

    From stdin: the old one on the first line, the new one on the second.
    """
    service = session.own_service
    _check_file(session, service.url)
    current = _password(session, from_stdin, label="Password now")
    new = _password(session, from_stdin, label="New password", confirm=True)
    body = {"current_password": current, "new_password": new}
    answer = _send(service, "/api/account/password", body)
    token = expect(answer, "token")
    _remember(session, service.url, token)
    if session.output.as_json:
        session.output.json({"password": "changed"})
    else:
        session.output.say("The password is changed. Other log-ins have ended.")


@click.command()
@click.option(
    "--links",
    type=click.Choice(["keep", "disable"]),
    required=True,
    help="Whether the links of the account go on.",
)
@_password_option
@yes_option
@json_option
@pass_session
def delete(session: Session, links: str, from_stdin: bool, yes: bool) -> None:
    """Delete the account for good. Its links go on, or are disabled, as you say."""
    service = session.own_service
    email = expect(service.get("/api/account"), "account")["email"]
    session.confirm(f"Delete the account {email} for good, and {links} its links?", is_sure=yes)
    body = {"password": _password(session, from_stdin), "links": links}
    service.call(Call("DELETE", "/api/account", json=body))
    keep(session.config, {"token": None})
    if session.output.as_json:
        session.output.json({"account": "deleted", "links": links})
    else:
        session.output.say("The account is deleted.")


account.add_section("Commands", password, delete)


def _stranger(session: Session, url: str | None) -> Service:
    """Return the service to log in to, asked as nobody; ask for its address if need be."""
    named = (
        url
        or session.url
        or session.configuration.url
        or _ask(session, "Address of the shortener", "--url")
    )
    chosen = checked_url(named, "--url")
    _check_file(session, chosen)
    if not is_private(chosen):
        session.output.say(f"{chosen} is not encrypted: others may read the password", "yellow")
    return session.service_at(chosen, None)


def _check_file(session: Session, url: str) -> None:
    """Raise WrongConfiguration where a token would take a key along to another service."""
    kept = session.configuration
    if kept.keeps_key and kept.kept_url != url:
        raise WrongConfiguration(
            f"{kept.path} holds a key for {kept.kept_url}, which is not to go elsewhere",
            hint="another file for another service: shorten --config FILE login",
        )


def _send(service: Service, path: str, body: dict[str, Any]) -> Any:
    try:
        return service.call(Call("POST", path, json=body)).body
    except NotFound:
        raise NotFound(
            f"{service.url} answers, but is no shortener that can do this",
            hint="is the address right?",
        ) from None


def _remember(session: Session, url: str, token: str) -> None:
    keep(session.config, {"url": url, "token": token})


def _tell(session: Session, url: str, email: str) -> None:
    if session.output.as_json:
        session.output.json({"url": url, "email": email, "config": str(session.config)})
        return
    session.output.say(f"Logged in at {url} as {email}.")
    before = [name for name in (API_KEY, TOKEN) if session.environment.get(name, "").strip()]
    if session.configuration.keeps_key:
        before.append(f"api_key in {session.config}")
    for name in before:
        session.output.say(f"{name} is set and goes before this log-in.", "yellow")


def _ask(session: Session, what: str, option: str) -> str:
    if not session.can_ask:
        raise click.UsageError(f"nobody can be asked here; give {option}")
    return str(click.prompt(what, err=True)).strip()


def _password(
    session: Session, from_stdin: bool, *, label: str = "Password", confirm: bool = False
) -> str:
    if from_stdin:
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line.strip():
            raise WrongConfiguration("there is no password on stdin")
        return line.rstrip("\r\n")
    if not session.can_ask:
        raise click.UsageError("nobody can be asked here; give --password-stdin")
    return str(click.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
