"""How a link is shown to its owner."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Request, Response

from app.blocking import Blocklist
from app.model.managed_links import ManagedLink
from app.routes.answers import in_utc, json_answer
from app.routes.schemas import LinkBody
from app.states import leads_to_blocked, state_of


class LinkAnswers:
    """Makes answers about links; `base` is PUBLIC_BASE_URL, if it is set."""

    def __init__(self, base: str | None, blocklist: Blocklist) -> None:
        self._base = base
        self._blocklist = blocklist

    def short_url(self, request: Request, code: str) -> str:
        """Return a link's own address: under PUBLIC_BASE_URL, or where the request was sent to."""
        base = self._base or f"{request.scheme}://{request.host}"
        return f"{base}/{code}"

    def body(self, request: Request, link: ManagedLink) -> LinkBody:
        """Return what is said of a link."""
        terms = link.terms
        return LinkBody(
            code=link.code,
            short_url=self.short_url(request, link.code),
            url=terms.target,
            title=link.title,
            tags=list(link.tags),
            starts_at=_utc(terms.starts_at),
            expires_at=_utc(terms.expires_at),
            max_visits=terms.max_visits,
            redirect_status=terms.redirect_status,
            forward_query=terms.forward_query,
            rules=list(terms.rules),
            state=state_of(terms, datetime.now(UTC)),
            blocked=leads_to_blocked(terms, self._blocklist.covers),
            created_at=_utc(link.created_at),
            changed_at=_utc(link.changed_at),
            visits=link.visits,
            visitors=link.visitors,
            bots=link.bots,
            last_visit_at=_utc(link.last_visit_at),
        )

    def answer(self, request: Request, link: ManagedLink) -> Response:
        """Return a link with the tag by which it can be changed as it was seen.

        The tag stands for what an owner can set, the names of its tags included; counts and the
        passing of time do not change it, or nobody could edit a link that is visited.
        """
        answer = json_answer(self.body(request, link))
        answer.set_etag(link.version)
        return answer


def seen_versions(request: Request) -> frozenset[str] | None:
    """Return the versions that If-Match names (RFC 9110, section 13.1.1), None for any."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    return frozenset(request.if_match.as_set())


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else in_utc(moment)
