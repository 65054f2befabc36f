"""Make, show and edit a link."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import click

from shorten import qr_codes
from shorten.bulk import add_many
from shorten.calls import Call
from shorten.errors import Changed, Failure
from shorten.fields import field_options, patch_of
from shorten.output import Output
from shorten.service import Service, expect, is_done
from shorten.session import Session, json_option, pass_session
from shorten.suggestions import suggest_codes, suggest_tags
from shorten.tables import details
from shorten.values import CodeType, rule_text

_IF_MATCH = "If-Match"


def link_path(code: str, more: str = "") -> str:
    """Return the route of a link."""
    return f"/api/links/{quote(code, safe='')}{more}"


@click.command(short_help="Make a short link.")
@click.argument("url", metavar="URL")
@click.option("-a", "--alias", help="The code, if it should be a certain one.")
@field_options
@click.option("--qr", "wants_qr", is_flag=True, help="Show its QR code too.")
@click.option("--idempotency-key", metavar="KEY", help="Twice with the same key makes one link.")
@json_option
@pass_session
def add(
    session: Session,
    /,
    url: str,
    alias: str | None,
    wants_qr: bool,
    idempotency_key: str | None,
    **fields: Any,
) -> None:
    """Make a short link for URL and print it.

    The same URL again gives the link that you have; with an alias or any option it is a new one.
    Without an account the link is nobody's, and nobody can change it.

    URL may be - for many: one address a line from stdin, with the same options for all.

    \b
    shorten add https://example.com/a/long/address
    shorten add https://example.com/sale -a sale --expires-at +7d -t shop
    shorten add - < addresses.txt
    """
    given = {name: value for name, value in patch_of(fields).items() if value is not None}
    if url == "-":
        if alias or wants_qr:
            raise click.UsageError("many links cannot have one alias, nor one QR code")
        add_many(session, given, sys.stdin.buffer)
        return
    given |= {"url": url} | ({"alias": alias} if alias else {})
    answer = session.service.create("/api/", given, idempotency_key)
    code = expect(answer.body, "short_code")
    link = answer.body.get("link") or _seen(session.service, code)
    output = session.output
    if output.as_json:
        output.json(link or answer.body)
        return
    short_url = link["short_url"] if link else f"{session.service.url}/{code}"
    if not is_done(answer):
        output.say("You had this link already.")
    elif session.service.credentials is None:
        output.say("Made without an account: nobody can change it.")
    output.result(short_url)
    if wants_qr:
        qr_codes.show(output, short_url)


@click.command(short_help="Show a link with all that is set.")
@click.argument("code", type=CodeType(), shell_complete=suggest_codes)
@json_option
@pass_session
def show(session: Session, code: str) -> None:
    """Show a link of yours: CODE or its short URL.

    With --json also its etag, by which `shorten edit --if-match` knows what was seen.
    """
    answer = session.own_service.call(Call("GET", link_path(code)))
    link = answer.body
    if session.output.as_json:
        link = {**link, "etag": answer.headers.get("ETag", "").strip('"')}
    _print(session.output, link)


@click.command(short_help="Change a link.")
@click.argument("code", type=CodeType(), shell_complete=suggest_codes)
@click.option("--url", help="Where it leads.")
@field_options
@click.option("--add-tag", multiple=True, metavar="TAG", shell_complete=suggest_tags)
@click.option("--remove-tag", multiple=True, metavar="TAG", shell_complete=suggest_tags)
@click.option("--if-match", metavar="ETAG", help="Only if it is still this one; see show --json.")
@json_option
@pass_session
def edit(
    session: Session,
    /,
    code: str,
    url: str | None,
    add_tag: tuple[str, ...],
    remove_tag: tuple[str, ...],
    if_match: str | None,
    **fields: Any,
) -> None:
    """Change what is given and leave the rest; an empty value clears.

    \b
    shorten edit hello --url https://example.com/new --title 'New address'
    shorten edit hello --expires-at '' --add-tag campaign
    """
    patch = patch_of(fields) | ({"url": url} if url else {})
    if not patch and not add_tag and not remove_tag:
        raise click.UsageError("there is nothing to change; see: shorten edit --help")
    service = session.own_service
    seen = service.call(Call("GET", link_path(code)))
    if add_tag or remove_tag:
        patch["tags"] = _tags(patch.get("tags", seen.body["tags"]), add_tag, remove_tag)
    tag = if_match or seen.headers.get("ETag", "*")
    _print(session.output, _patch(service, code, patch, tag))


def _patch(service: Service, code: str, patch: dict[str, Any], tag: str) -> Any:
    if not tag.startswith(('"', "W/", "*")):
        tag = f'"{tag}"'
    try:
        return service.call(
            Call("PATCH", link_path(code), json=patch, headers={_IF_MATCH: tag})
        ).body
    except Changed as changed:
        if changed.code != "PRECONDITION_FAILED":
            raise
        raise Changed(
            "somebody else changed this link meanwhile; yours was not written",
            hint=f"shorten show {code}",
            code=changed.code,
            status=changed.status,
        ) from None


def _tags(now: list[str] | None, more: tuple[str, ...], less: tuple[str, ...]) -> list[str]:
    gone = {tag.casefold() for tag in less}
    kept = [tag for tag in now or [] if tag.casefold() not in gone]
    known = {tag.casefold() for tag in kept}
    return kept + [tag for tag in more if tag.casefold() not in known]


def _seen(service: Service, code: str) -> Any:
    """Return the link that was just made, None where it is not the caller's to see."""
    if service.credentials is None:
        return None
    try:
        return service.get(link_path(code))
    except Failure:
        return None  # a key that may make links need not be one that may read them


def _print(output: Output, link: Any) -> None:
    if output.as_json:
        output.json(link)
    elif output.is_terminal:
        output.show(details(link))
    else:
        for name, value in link.items():
            output.row([name, _field(name, value)])


def _field(name: str, value: Any) -> Any:
    """Return a field for a script: tags parted by commas, each rule as it would be typed."""
    if name == "rules":
        return " | ".join(rule_text(rule) for rule in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else value
