"""A command with many parts: help by subject, second names, and Ctrl-C told apart."""

from __future__ import annotations

from typing import Any

import click

from shorten.errors import Interrupted


class NobodyReads(Exception):
    """Who reads our output has ended; click would take it for its own business."""


class Sections(click.Group):
    """A group whose help lists its commands by subject."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.aliases: dict[str, str] = {}
        self._sections: dict[str, list[str]] = {}

    def add_section(self, title: str, *commands: click.Command) -> None:
        """Add commands that belong together."""
        for command in commands:
            self.add_command(command)
        self._sections[title] = [command.name or "" for command in commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        del ctx
        return [name for names in self._sections.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name or its second name."""
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        width = max(map(len, self.list_commands(ctx)))
        for title, names in self._sections.items():
            with formatter.section(title):
                rows = [(name.ljust(width), self._summary(name)) for name in names]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; tell Ctrl-C and a reader that went away apart from errors."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise NobodyReads from None
        except KeyboardInterrupt:
            raise Interrupted("ended by Ctrl-C") from None

    def _summary(self, name: str) -> str:
        return self.commands[name].get_short_help_str(limit=80)
