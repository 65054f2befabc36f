"""What the API does, operation by operation: the table from which the document is made."""

from __future__ import annotations

from app.config import REDIRECT_STATUSES
from app.model import errors
from app.model.callers import Scope
from app.routes import schemas
from app.routes.bodies import LONGEST, LONGEST_OF_OWNERS
from app.routes.openapi.access_operations import access
from app.routes.openapi.managed_operations import managed_links, pictures
from app.routes.openapi.operation import (
    CREATING,
    HTML,
    JSON,
    RESOLVING,
    TEXT,
    Answer,
    Operation,
)
from app.routes.openapi.statistics_operations import statistics
from app.routes.openapi.transfer_operations import transfers
from app.routes.site import ICONS

__all__ = ["HTML", "JSON", "Answer", "Operation", "operations"]

_STATIC = ("ETag", "Content-Encoding")
_STATIC_PAGE = (*_STATIC, "Referrer-Policy")
_OWN_STATUS = "The way to the target of a link with this `redirect_status`"


def _links() -> tuple[Operation, ...]:
    return (
        Operation(
            "post", "/api/", "createLink", "Links", "Shorten a URL",
            "With a `url` alone, the same owner giving the same target gets the same code again."
            " With anything else the link is one of its own, which is never found again by its"
            " target, and the answer tells all of it; only the same owner's same alias for the same"
            " target is found. With a token the link is the user's; without one it is nobody's, and"
            " takes `alias`, `expires_at` and `max_visits` alone. `/api` without the slash is the"
            f" same. The body has at most {LONGEST} bytes, with a token {LONGEST_OF_OWNERS}.",
            (
                Answer(201, "A new link", schemas.NewLink),
                Answer(200, "The link that the same owner already has", schemas.KnownLink),
            ),
            CREATING,
            body=schemas.CreateBody,
            limit="RATE_LIMIT",
            bearer="optional",
            parameters=("Idempotency-Key",),
            scope=Scope.LINKS_WRITE,
        ),
        Operation(
            "get", "/api/{code}", "resolveLink", "Links", "Tell where a link leads",
            "For a program that redirects by itself; see `/{code}` for a real redirect.",
            (Answer(200, "The target", schemas.ResolvedLink, headers=("Cache-Hit",)),),
            RESOLVING,
            limit="RATE_LIMIT_RESOLVE",
            parameters=("code",),
        ),
        Operation(
            "get", "/api/user/urls", "listLinks", "Links", "List one's own links",
            "The newest first, at most 10,000.",
            (Answer(200, "The caller's links; an empty list without any", schemas.OwnedLinks),),
            (errors.MissingToken, errors.InvalidToken, errors.DatabaseUnavailable),
            limit="RATE_LIMIT",
            bearer="required",
            scope=Scope.LINKS_READ,
        ),
    )  # fmt: skip


def _accounts() -> tuple[Operation, ...]:
    return (
        Operation(
            "post", "/api/signup", "signUp", "Accounts", "Make an account",
            "The answer's token says that the new user is logged in.",
            (Answer(201, "A new account", schemas.SignedUp),),
            (
                errors.InvalidPayload,
                errors.EmailExists,
                errors.UsernameExists,
                errors.DatabaseUnavailable,
            ),
            body=schemas.SignupBody,
            limit="RATE_LIMIT_AUTH",
        ),
        Operation(
            "post", "/api/login", "logIn", "Accounts", "Log in",
            "An unknown address gets the answer of a wrong password, after the same time.",
            (Answer(200, "A token", schemas.LoggedIn),),
            (errors.InvalidPayload, errors.InvalidCredentials, errors.DatabaseUnavailable),
            body=schemas.LoginBody,
            limit="RATE_LIMIT_AUTH",
        ),
    )  # fmt: skip


def _redirects(status: int, *, permanent: bool) -> tuple[Operation, ...]:
    headers = ("Location", "Cache-Hit", "Referrer-Policy")
    answers = tuple(
        Answer(
            each,
            "The way to the target" if each == status else _OWN_STATUS,
            media_type="",
            headers=(*headers, "Cache-Control") if permanent else headers,
        )
        for each in (status, *sorted(REDIRECT_STATUSES - {status}))
    )
    described = (
        "A browser (`Accept` preferring `text/html`) gets errors as a small page, in English or"
        " Portuguese (`Accept-Language`)."
    )
    return tuple(
        Operation(
            method, "/{code}", name, "Redirects", summary, described, answers,
            (*RESOLVING, errors.InvalidUrl),
            limit="RATE_LIMIT_RESOLVE", pages=True, parameters=("code",),
        )
        for method, name, summary in (
            ("get", "followLink", "Redirect to the target"),
            ("head", "peekLink", "Redirect to the target, without any content"),
        )
    )  # fmt: skip


def _operations() -> tuple[Operation, ...]:
    metrics = Answer(200, "Prometheus text", media_type=TEXT)
    return (
        Operation(
            "get", "/healthz", "alive", "Operations", "Tell that the process answers",
            "For the load balancer: asks nothing, waits for nothing, is never limited.",
            (Answer(200, "It does", schemas.Liveness),),
        ),
        Operation(
            "get", "/api/health", "health", "Operations", "Tell whether the dependencies answer",
            "Within two seconds, whatever is down; never limited.",
            (
                Answer(200, "PostgreSQL answers", schemas.Health),
                Answer(503, "PostgreSQL does not answer", schemas.Health),
            ),
        ),
        *(
            Operation(
                "get", path, name, "Operations", "Metrics of the worker that answers",
                "Where `ENV=local` only; never limited.",
                (metrics,), (errors.NotFound,),
            )
            for path, name in (("/metrics", "metrics"), ("/api/metrics", "apiMetrics"))
        ),
        Operation(
            "get", "/api/openapi.json", "document", "Documentation", "This document",
            "OpenAPI 3.1.",
            (
                Answer(200, "The document", headers=_STATIC),
                Answer(304, "The document is the one you have", media_type="", headers=_STATIC),
            ),
            limit="RATE_LIMIT_RESOLVE",
        ),
        Operation(
            "get", "/api/docs", "page", "Documentation", "This document as a page",
            "Self-contained: it loads nothing and runs nothing.",
            (
                Answer(200, "The page", media_type=HTML, headers=(*_STATIC, "Referrer-Policy")),
                Answer(
                    304, "The page is the one you have", media_type="",
                    headers=(*_STATIC, "Referrer-Policy"),
                ),
            ),
            limit="RATE_LIMIT_RESOLVE",
        ),
    )  # fmt: skip


def _site() -> tuple[Operation, ...]:
    return (
        Operation(
            "get", "/", "front", "Site", "The front page",
            "Redirects where `ROOT_REDIRECT_URL` says so; else a browser gets a short page, in"
            " English or Portuguese.",
            (
                Answer(200, "What this is", media_type=TEXT, page=True),
                Answer(302, "The way to the site", media_type="", headers=("Location",)),
            ),
            limit="RATE_LIMIT_RESOLVE", pages=True,
        ),
        Operation(
            "get", "/robots.txt", "robots", "Site", "What robots may ask for",
            "Links, but not the API (RFC 9309).",
            (Answer(200, "The rules", media_type=TEXT),),
            limit="RATE_LIMIT_RESOLVE",
        ),
        Operation(
            "get", "/console/", "console", "Site", "A page to work with",
            "Uses this API and nothing else. 404 where `CONSOLE_ENABLED` is `false`.",
            (
                Answer(200, "The page", media_type=HTML, headers=_STATIC_PAGE),
                Answer(304, "The page is the one you have", media_type="", headers=_STATIC_PAGE),
            ),
            (errors.NotFound,),
            limit="RATE_LIMIT_RESOLVE",
        ),
        Operation(
            "get", "/console/{version}/{name}", "consoleFile", "Site", "A file of that page",
            "May be kept for a year: another version is another address.",
            (
                Answer(200, "The file", media_type="*/*", headers=_STATIC_PAGE),
                Answer(304, "The file is the one you have", media_type="", headers=_STATIC_PAGE),
            ),
            (errors.NotFound,),
            limit="RATE_LIMIT_RESOLVE",
            parameters=("version", "name"),
        ),
        *(
            Operation(
                "get", f"/{icon}", name, "Site", "No icon",
                "Browsers ask for it unasked; caches may keep the answer for a day.",
                (), (errors.NotFound,),
            )
            for icon, name in zip(ICONS, ("favicon", "touchIcon", "oldTouchIcon"), strict=True)
        ),
    )  # fmt: skip


def operations(redirect_status: int, *, permanent: bool) -> tuple[Operation, ...]:
    """Return every operation; the redirects answer with `redirect_status`."""
    return (
        *_links(),
        *managed_links(),
        *statistics(),
        *transfers(),
        *_redirects(redirect_status, permanent=permanent),
        *pictures(),
        *_accounts(),
        *access(),
        *_operations(),
        *_site(),
    )
