"""A bar with a rate and an estimate on stderr, where a person watches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from shorten.output import Output


class _Links(ProgressColumn):
    """How many links, and how many in a second."""

    def render(self, task: Task) -> Text:
        """Return both, the rate once it is known."""
        links = int(task.fields["links"])
        begun = int(task.fields["begun"])
        spent = task.elapsed or 0.0
        text = f"{links:,} links"
        if spent > 1 and links > begun:
            text += f", {(links - begun) / spent:,.0f}/s"
        return Text(text, "cyan")


class Bar:
    """What a transfer tells of itself."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total, links=0, begun=0)

    def begin_at(self, done: int, links: int) -> None:
        """Start where an earlier run had come to; the rate is that of this run."""
        self._progress.update(self._task, completed=done, links=links, begun=links)

    def set_total(self, total: int) -> None:
        """Set what 100 % is, once it is known."""
        self._progress.update(self._task, total=total)

    def show(self, done: int, links: int) -> None:
        """Show how far it has come."""
        self._progress.update(self._task, completed=done, links=links)


@contextmanager
def bar(output: Output, what: str, total: int | None = None) -> Iterator[Bar]:
    """Show a bar while it lasts; nothing at all where stderr is no terminal."""
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        _Links(),
        TimeRemainingColumn(),
        TextColumn("left", style="dim"),
        console=output.side,
        disable=not output.shows_progress,
        refresh_per_second=5,
        expand=True,
    )
    with progress:
        yield Bar(progress, what, total)
