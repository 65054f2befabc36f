"""The option `--pid`: take the variables of a running process, as of the service itself."""

from __future__ import annotations

import argparse
import os

from app.commands.numbers import between
from app.doctor.report import EXIT_USAGE

_LARGEST_PID = (1 << 31) - 1


def add_pid(parser: argparse.ArgumentParser) -> None:
    """Let the command take `--pid`."""
    parser.add_argument(
        "--pid",
        type=between(1, _LARGEST_PID),
        help="take variables and folder of this process (a worker or master of the service)",
    )


def become(pid: int, parser: argparse.ArgumentParser) -> None:
    """Become, in variables and folder, like the process; end with status 2 where that fails."""
    import psutil  # noqa: PLC0415  # only this needs it

    try:
        process = psutil.Process(pid)
        folder, variables = process.cwd(), process.environ()
        os.chdir(folder)
    except (psutil.Error, OSError) as error:
        reason = "is not there" if isinstance(error, psutil.NoSuchProcess) else "is not ours"
        parser.exit(EXIT_USAGE, f"{parser.prog}: process {pid} {reason}\n")
    # How to write to this terminal is ours to know.
    own = {name: os.environ[name] for name in ("TERM", "COLUMNS", "NO_COLOR") if name in os.environ}
    os.environ.clear()
    os.environ.update({**variables, **own})
