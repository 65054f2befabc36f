"""One link of a request, made: of `POST /api/`, or of a bulk."""

from __future__ import annotations

from functools import partial

from flask import Request

from app.links import Links
from app.managing import Managing
from app.model.callers import Caller
from app.routes.link_answers import LinkAnswers
from app.routes.schemas import CreateBody, KnownLink, NewLink
from app.storage.creations import CreationCounts
from app.storage.managed_links import Place


class LinkCreation:
    """Makes plain links and managed ones; which it is, what was given decides."""

    def __init__(
        self, links: Links, managing: Managing, answers: LinkAnswers, counts: CreationCounts
    ) -> None:
        self._links = links
        self._managing = managing
        self._answers = answers
        self._counts = counts

    def create(
        self,
        request: Request,
        body: CreateBody,
        caller: Caller | None,
        place: Place | None = None,
    ) -> NewLink | KnownLink:
        """Return the answer for a link; errors as those of the use cases."""
        if body.is_plain and (caller is None or caller.tag is None):
            owner = None if caller is None else caller.user
            code, new = self._links.shorten(body.url, owner=owner, request_host=request.host)
            shown = None
        else:
            accept = partial(self._links.accept, request_host=request.host)
            link, new = self._managing.create(body, body.alias, caller, accept, place)
            code, shown = link.code, self._answers.body(request, link)
        if new:
            self._counts.add(request.remote_addr, shown.url if shown else body.url)
            return NewLink("URL shortened successfully", code, shown)
        return KnownLink("URL already exists, returning existing short code", code, shown)
