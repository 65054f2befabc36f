"""`make audit`: known vulnerabilities of what requirements.lock pins.

pip-audit calls a package that its index does not know "skipped" and the audit a success. Where the
advisories cannot be reached that is every package, and nothing was audited: this says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

SERVICES = ("pypi", "osv")
"""Whose advisories are asked for; the second when the first knows nothing."""
_WAIT = 180.0
_OPTIONS = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")

Report = list[dict[str, Any]]


def main() -> int:
    """Print the verdict; return 1 when a pinned package has a known vulnerability."""
    status, lines = verdict(_report)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status


def verdict(report: Callable[[str], Report]) -> tuple[int, list[str]]:
    """Ask one service after the other; return the exit status and what to say."""
    for service in SERVICES:
        packages = report(service)
        audited = [package for package in packages if "vulns" in package]
        if audited:
            return _judged(service, packages, audited)
    return 0, ["NOT AUDITED: no advisories can be reached from here (asked: pypi, osv)"]


def _judged(service: str, packages: Report, audited: Report) -> tuple[int, list[str]]:
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, "
        f"fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in audited
        for found in package["vulns"]
    ]
    status = int(bool(lines))
    skipped = sorted(package["name"] for package in packages if "vulns" not in package)
    if skipped:
        lines.append(f"unknown to {service}, not audited: {', '.join(skipped)}")
    lines.append(f"{len(audited)} packages audited, advisories of {service}")
    return status, lines


def _report(service: str) -> Report:
    """Return what pip-audit says of each package; nothing when it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "-r", "requirements.lock", *_OPTIONS]
    try:
        done = subprocess.run(  # noqa: S603  # our own arguments
            [*command, "--vulnerability-service", service],
            check=False,
            capture_output=True,
            text=True,
            timeout=_WAIT,
        )
        found: Report = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return []
    return found


if __name__ == "__main__":
    sys.exit(main())
