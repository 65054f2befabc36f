"""gunicorn's log lines on the way of all others: JSON on stdout, and to Loki from workers."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn import glogging


class Logger(glogging.Logger):  # type: ignore[misc]
    """Hands gunicorn's records to the root logger; "Request completed" replaces its access log."""

    def setup(self, cfg: Any) -> None:
        """Undo the handlers that gunicorn installs, at the start and after HUP."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in list(log.handlers):
                log.removeHandler(handler)
            log.propagate = True
            log.setLevel(logging.NOTSET)
