"""A service whose standard output goes where the test wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any, Self

from local.process import Process
from tests.harness.service import ROOT, Service


class RedirectedService(Service):
    """The service with another standard output; `records` and `lines` stay empty."""

    def __init__(
        self, environment: Mapping[str, str | None], stdout: IO[bytes], **more: Any
    ) -> None:
        """Settle the output; the caller closes it."""
        super().__init__(environment, **more)
        self._output_file = stdout

    def launch(self) -> Self:
        """Start without waiting for anything."""
        self._stdout.touch()
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self._stderr.open("ab") as stderr:
            self._process = Process(
                self._command,
                stdout=self._output_file,
                stderr=stderr,
                cwd=ROOT,
                env={**env, **self.environment},
            )
        return self
