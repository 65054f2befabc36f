"""One run of the command: who asks whom, and how it is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from shorten.configuration import URL, Configuration, Credentials, is_private, load, usual_path
from shorten.errors import Failure, NotLetIn, WrongConfiguration
from shorten.output import Output
from shorten.service import Service

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Session:
    """What every command is given."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.output = Output()
        self.config: Path = usual_path(environment)
        self.url: str | None = None
        self.is_verbose = False

    @cached_property
    def configuration(self) -> Configuration:
        """The environment and the file, read when they are first needed."""
        return load(self.environment, self.config, self.url)

    @cached_property
    def service(self) -> Service:
        """The service, for callers of any kind; raise WrongConfiguration if none is named."""
        found = self.configuration
        if found.url is None:
            raise WrongConfiguration(
                "it is not known which shortener to use",
                hint=f"shorten login --url https://short.example (or set {URL})",
            )
        return self.service_at(found.url, found.credentials)

    @cached_property
    def own_service(self) -> Service:
        """The service, for a caller who is somebody; raise NotLetIn."""
        if self.service.credentials is None:
            raise NotLetIn("this needs an account, and you are not logged in", hint="shorten login")
        return self.service

    def service_at(self, url: str, credentials: Credentials | None) -> Service:
        """Return the service at an address."""
        if not is_private(url) and credentials is not None:
            self.output.say(f"{url} is not encrypted: others may read the {credentials.kind}")
        return Service(url, credentials, notify=self.output.say, trace=self._trace)

    @property
    def can_ask(self) -> bool:
        """Tell whether a person sits at stdin."""
        return sys.stdin is not None and sys.stdin.isatty()

    def confirm(self, question: str, *, is_sure: bool) -> None:
        """Ask before what cannot be undone; raise UsageError where nobody can be asked."""
        if is_sure:
            return
        if not self.can_ask:
            raise click.UsageError("nobody can be asked here; say --yes if you mean it")
        if not click.confirm(question, err=True):
            raise Failure("not confirmed: nothing was done")

    def _trace(self, text: str) -> None:
        if self.is_verbose:
            self.output.say(text, "dim")


pass_session = click.make_pass_decorator(Session)


def _want_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).output.as_json = True


def json_option(command: Decorated) -> Decorated:
    """Give a command `--json`."""
    option = click.option(
        "--json",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_want_json,
        help="Print JSON, for scripts.",
    )
    return option(command)


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
