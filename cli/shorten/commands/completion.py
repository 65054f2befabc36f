"""Completion of commands, options, codes and tags by the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from shorten.session import Session

_SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what makes a shell complete.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, and your codes and tags.

    \b
    source <(shorten completion bash)    in ~/.bashrc
    source <(shorten completion zsh)     in ~/.zshrc, after compinit
    shorten completion fish | source     in ~/.config/fish/config.fish
    """
    root = context.find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known")
    session: Session = context.find_object(Session) or Session({})
    session.output.line(kind(root.command, {}, "shorten", "_SHORTEN_COMPLETE").source())
