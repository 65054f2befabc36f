"""API keys: for scripts, each with as little as it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.text import Text

from shorten.calls import Call
from shorten.files import write_secret
from shorten.harmless import harmless
from shorten.sections import Sections
from shorten.service import expect
from shorten.session import Session, json_option, pass_session, yes_option
from shorten.suggestions import suggest_tags
from shorten.tables import moment, plain_table
from shorten.values import MomentType

SCOPES = ("links:read", "links:write", "statistics:read")


@click.group(cls=Sections, short_help="Make, list or revoke API keys.")
def keys() -> None:
    """API keys: for scripts, each with as little as it needs.

    A key is given to `shorten` as SHORTENER_API_KEY, or as api_key in the configuration file.
    """


@click.command()
@click.argument("name")
@click.option(
    "-s",
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    help="What it may do; again and again for several.",
)
@click.option("-t", "--tag", metavar="TAG", shell_complete=suggest_tags, help="Only such links.")
@click.option("--expires-at", type=MomentType(), help="2026-12-31, '2026-12-31 18:00' or +30d.")
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the key to a file of mode 600 instead.",
)
@json_option
@pass_session
def create(
    session: Session,
    name: str,
    scopes: tuple[str, ...],
    tag: str | None,
    expires_at: str | None,
    target: Path | None,
) -> None:
    """Make a key called NAME and print it, this once.

    \b
    shorten keys create backup --scope links:read --expires-at +90d -o backup.key
    """
    if target is not None and target.exists():
        raise click.UsageError(f"{target} is there already")
    body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
    body |= {"tag": tag} if tag else {}
    body |= {"expires_at": expires_at} if expires_at else {}
    answer = session.own_service.call(Call("POST", "/api/keys", json=body)).body
    secret = expect(answer, "secret")
    output = session.output
    if target is not None:
        write_secret(target, f"{secret}\n")
        output.say(f"The key is in {target}; it is not shown again.")
        answer = {key: value for key, value in answer.items() if key != "secret"}
    if output.as_json:
        output.json(answer)
    elif target is None:
        output.say("Keep it now, it is not shown again:")
        output.result(secret)


@click.command("list")
@json_option
@pass_session
def list_keys(session: Session) -> None:
    """List your keys, never their secrets."""
    output = session.output
    found = expect(session.own_service.get("/api/keys"), "keys")
    if output.as_json:
        for key in found:
            output.json_line(key)
    elif not output.is_terminal:
        for key in found:
            output.row(
                [
                    key["id"],
                    key["name"],
                    key["prefix"],
                    ",".join(key["scopes"]),
                    key["tag"],
                    key["expires_at"],
                    key["last_used_at"],
                ]
            )
    elif not found:
        output.say("You have no keys. Make one: shorten keys create NAME --scope links:read")
    else:
        table = plain_table("name", "begins", "may", "tag", "expires", "last used", "id")
        for key in found:
            table.add_row(
                Text(harmless(key["name"]), "bold"),
                harmless(key["prefix"]),
                harmless(" ".join(key["scopes"])),
                harmless(key["tag"] or ""),
                moment(key["expires_at"])[:10] or "never",
                moment(key["last_used_at"])[:10] or "never",
                harmless(key["id"]),
            )
        output.show(table)


@click.command()
@click.argument("key", metavar="KEY")
@yes_option
@json_option
@pass_session
def revoke(session: Session, key: str, yes: bool) -> None:
    """Revoke a key by its id, or by its name if only one has it.

    It is refused everywhere within seconds.
    """
    service = session.own_service
    found = expect(service.get("/api/keys"), "keys")
    chosen = [one for one in found if one["id"] == key] or [
        one for one in found if one["name"] == key
    ]
    if len(chosen) > 1:
        raise click.UsageError(f"{len(chosen)} keys are called {key}; take the id of one")
    identity = chosen[0]["id"] if chosen else key
    name = harmless(chosen[0]["name"]) if chosen else key
    session.confirm(f"Revoke the key {name}?", is_sure=yes)
    service.call(Call("DELETE", f"/api/keys/{quote(identity, safe='')}"))
    if session.output.as_json:
        session.output.json({"id": identity, "state": "revoked"})
    else:
        session.output.say(f"{name}: revoked")


keys.add_section("Commands", create, list_keys, revoke)
keys.aliases.update({"ls": "list", "delete": "revoke", "rm": "revoke"})
