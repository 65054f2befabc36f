"""The reference client: speaks HTTP only, and goes on where it, or the service, was stopped.

`python -m tests.transfer.client export URL TOKEN FILE [FORMAT]` and `… import URL TOKEN FILE
[FORMAT]`. Both may be killed at any moment and begun again.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import requests

PART = 512 * 1024
PATIENCE = 60.0
"""Seconds of trying again."""
_PAUSE = 0.2


class Client:
    """One account at one service."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def export(self, file: Path) -> int:
        """Write all links as JSON Lines, behind what the file has already; return how many cuts."""
        cuts = 0
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            after = _last_code(file)
            try:
                with self._ask("GET", "/api/export", params={"after": after}, stream=True) as got:
                    got.raise_for_status()
                    with file.open("ab") as kept:
                        for piece in got.iter_content(1 << 16):
                            kept.write(piece)
            except requests.RequestException:
                cuts += 1
                if _last_code(file) != after:
                    ends = time.monotonic() + PATIENCE
                time.sleep(_PAUSE)
            else:
                return cuts
        message = "the export came no further"
        raise TimeoutError(message)

    def upload(self, file: Path, format_: str = "auto") -> dict[str, Any]:
        """Import a file, from where an earlier attempt has come to; return the import."""
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            size = content.seek(0, 2)
            body = {"format": format_, "size": size, "name": file.name, "digest": digest}
            now = self._import("POST", "/api/imports", json=body)
            while now["state"] == "open":
                now = self._send(now, content)
        return now

    def imports(self) -> list[dict[str, Any]]:
        """Return the last imports."""
        found: list[dict[str, Any]] = self._ask("GET", "/api/imports").json()["imports"]
        return found

    def _send(self, now: dict[str, Any], content: BinaryIO) -> dict[str, Any]:
        path = f"/api/imports/{now['id']}"
        content.seek(now["offset"])
        headers = {
            "Content-Type": "application/octet-stream",
            "Upload-Offset": str(now["offset"]),
        }
        try:
            return self._import(
                "PATCH", path, data=content.read(PART), headers=headers, patient=False
            )
        except requests.RequestException:
            return self._import("GET", path)  # how far it has come, nobody knows better

    def _import(
        self, method: str, path: str, *, patient: bool = True, **more: Any
    ) -> dict[str, Any]:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._ask(method, path, **more)
                answer.raise_for_status()
            except requests.RequestException:
                if not patient or time.monotonic() > ends:
                    raise
                time.sleep(_PAUSE)
            else:
                found: dict[str, Any] = answer.json()["import"]
                return found

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, self._url + path, timeout=30, **more)


def _last_code(file: Path) -> str:
    """Return the last code that came whole, and cut off what came behind it."""
    if not file.exists():
        return ""
    with file.open("r+b") as kept:
        size = kept.seek(0, 2)
        kept.seek(max(0, size - (1 << 20)))
        tail = kept.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        kept.truncate(size - len(tail) + len(whole))
        lines = whole.rsplit(b"\n", 2)
        return str(json.loads(lines[-2])["code"]) if len(lines) > 1 else ""


if __name__ == "__main__":
    what, url, token, name, *format_ = sys.argv[1:]
    client = Client(url, token)
    if what == "export":
        client.export(Path(name))
    else:
        sys.stdout.write(json.dumps(client.upload(Path(name), *format_)))
