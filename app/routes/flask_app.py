"""Flask as this service uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from app.routes.bodies import Request


class FlaskApp(Flask):
    """Flask without what it would find out anew for each request."""

    request_class = Request

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a view or hook as it is: none of ours is a coroutine."""
        return func
