"""The console command `shortener-admin`: what is done about links that do harm."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

import msgspec
import psycopg

from app import codes, hosts
from app.commands.numbers import between
from app.config import PostgresSettings, SettingsError, postgres_from_env
from app.model.errors import InvalidUrl
from app.storage.causes import database_cause
from app.storage.creations import KEPT_HOURS
from app.storage.moderation import Moderation, moderation

_EPILOG = """\
Reads POSTGRES_* as the service does. Each act is in force on every worker within 5 seconds and is
one line of JSON on stdout, which is the audit in the log.

exit status:
  0  done
  1  there is no such link or host, or PostgreSQL refused
  2  called wrongly
  3  the environment makes no sense

examples:
  shortener-admin top --by host              what was made most in the last hour
  shortener-admin disable aB3xY9 --reason "phishing, reported by the bank"
  shortener-admin enable "https://s.example/aB3xY9?qr" --reason "a mistake"
  shortener-admin block evil.example --reason phishing
"""
_LONGEST_REASON = 500
_MOST_LINES = 1000
# All that is ours of a link, with or without where it is: CODE, CODE+, its pictures, the API's.
_LINK = re.compile(
    r"(?:https?:/+[^/]+/+|/*[^/:]+(?::[0-9]+)?/+)?/*(?:api/+(?:links/+)?)?"
    r"(?P<code>[^/.+]+)(?:\+|/qr\.(?:svg|png))?/*",
    re.IGNORECASE,
)
_HOSTS = (
    "what can be blocked is one host, with all names below it, such as evil.example, 203.0.113.7 or"
    " [2001:db8::1]: no URL, port, path, range or pattern"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one thing and return the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        settings = postgres_from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        return _run(given, settings)
    except psycopg.Error as error:
        print(f"shortener-admin: PostgreSQL refused: {database_cause(error)}", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace, settings: PostgresSettings) -> int:
    act: Callable[[Moderation, argparse.Namespace], bool] = given.act
    with moderation(settings) as service:
        return 0 if act(service, given) else 1


def _disable(service: Moderation, given: argparse.Namespace) -> bool:
    return _on_link(given, lambda code: service.disable(code, given.reason))


def _enable(service: Moderation, given: argparse.Namespace) -> bool:
    return _on_link(given, service.enable)


def _on_link(given: argparse.Namespace, act: Callable[[str], bool]) -> bool:
    """Do it to the link as typed, or to the alias in lower case."""
    for code in dict.fromkeys((given.code, given.code.lower())):
        if act(code):
            _audit(given.command, given, code=code)
            return True
    print(f"shortener-admin: there is no such link to {given.command}", file=sys.stderr)
    return False


def _block(service: Moderation, given: argparse.Namespace) -> bool:
    service.block(given.host, given.reason)
    _audit("block", given, host=given.host)
    return True


def _unblock(service: Moderation, given: argparse.Namespace) -> bool:
    if not service.unblock(given.host):
        print("shortener-admin: this host is not blocked", file=sys.stderr)
        return False
    _audit("unblock", given, host=given.host)
    return True


def _blocked(service: Moderation, _given: argparse.Namespace) -> bool:
    for each in service.blocked():
        print(f"{each.host}\t{each.created_at:%Y-%m-%d %H:%M}\t{each.reason}")
    return True


def _top(service: Moderation, given: argparse.Namespace) -> bool:
    for kind in ("address", "host") if given.by is None else (given.by,):
        for value, links, last in service.most_created(kind, given.minutes, given.limit):
            print(f"{kind}\t{links}\t{last:%H:%M}\t{value}")
    return True


def _audit(act: str, given: argparse.Namespace, **subject: str) -> None:
    """Write a line as the service's own log lines are, with who did what, to what, and why."""
    line = {
        "level": "info",
        "ts": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "msg": f"Audit: {act}",
        "logger": "shortener-admin",
        "service_name": os.environ.get("SERVICE_NAME") or "go-backend",
        "environment": os.environ.get("ENV") or os.environ.get("GO_ENV") or "production",
        "act": act,
        **subject,
        "reason": given.reason,
        "by": given.by_whom or _login(),
    }
    print(msgspec.json.encode(line).decode(), flush=True)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # the image's user has no name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shortener-admin",
        description="Do something about links that do harm.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, act: Callable[..., bool], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(act=act)
        return command

    for name, act, kind, text in (
        ("disable", _disable, "code", "Let a link answer 410; its owner cannot enable it"),
        ("enable", _enable, "code", "Undo disable"),
        ("block", _block, "host", "Let no link lead to a host or to any name below it"),
        ("unblock", _unblock, "host", "Undo block"),
    ):
        command = add(name, act, text)
        command.add_argument(kind, type=_code if kind == "code" else _host)
        command.add_argument("--reason", required=True, type=_reason, help="goes to the log")
        command.add_argument("--by", dest="by_whom", metavar="NAME", help="who does it")
    add("blocked", _blocked, "List the blocked hosts: host, since when (UTC), why")
    top = add("top", _top, "List what was made most: kind, links, time of the last (UTC), value")
    top.add_argument("--by", choices=("address", "host"), help="one kind alone (default: both)")
    top.add_argument(
        "--minutes",
        type=between(1, KEPT_HOURS * 60),
        default=60,
        help=f"how far back (default 60, at most {KEPT_HOURS * 60})",
    )
    top.add_argument(
        "--limit",
        type=between(1, _MOST_LINES),
        default=20,
        help=f"lines of each kind (default 20, at most {_MOST_LINES})",
    )
    return parser


def _code(text: str) -> str:
    """Return the code in a link's address as people quote it; it may come from our QR picture."""
    address = re.split("[?#]", text.strip(), maxsplit=1)[0]
    found = _LINK.fullmatch(unquote(address))
    code = found["code"].strip() if found else ""
    if not codes.is_alias(code) or codes.is_reserved(code):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no code of a link, such as aB3xY9, and no address of one"
        )
    return code


def _host(text: str) -> str:
    try:
        return hosts.accept_host(text.strip())
    except InvalidUrl as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error.details}; {_HOSTS}") from None


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise argparse.ArgumentTypeError(f"a reason has 1 to {_LONGEST_REASON} characters")
    return reason


if __name__ == "__main__":
    sys.exit(main())
