"""`python -m local.doctor` is `make doctor`: doctor for a running `make run`, with doctor's status.

GNU make answers 2 for whatever fails, so it cannot pass on what doctor means by 1, 2 and 3. This
does, and says it on stderr, where `make doctor` shows it as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCTOR = Path(sys.executable).with_name("doctor")


def running(folder: Path) -> int | None:
    """Return the pid of the service that a run in this folder started; None if there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return int(json.loads((folder / "service.json").read_text(encoding="utf-8"))["pid"])
    return None


def main(environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run doctor, on a running `make run` where there is one; return doctor's exit status."""
    pid = running(Path(environment.get("LOCAL_DIR") or ROOT / ".local"))
    beside = [] if pid is None else ["--pid", str(pid)]
    status = subprocess.run([DOCTOR, *beside, *arguments], check=False).returncode
    print(f"doctor: exit status {status}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))
