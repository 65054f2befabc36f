"""Which state a link is in at a moment, and what it answers to a visitor: all rules, one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.model.errors import InvalidUrl, LinkGone, LinkNotStarted
from app.model.managed_links import Condition, Device, Rule, State, Terms
from app.targets import is_sendable

QR_PARAMETER = "qr"
"""What the picture of a QR code adds to the query; never forwarded."""

GONE = {
    State.EXPIRED: "the link has expired",
    State.EXHAUSTED: "the link has taken all the visits it was made for",
    State.DISABLED: "the link is disabled",
    State.DELETED: "the link was deleted",
}
"""What is told of links that are gone, by their state."""
BLOCKED = "the link leads to a host that is blocked"


class Visitor(Protocol):
    """What rules ask about somebody who follows a link."""

    @property
    def device(self) -> Device | None:
        """The kind of device."""

    @property
    def languages(self) -> Sequence[str]:
        """Language ranges of Accept-Language, the preferred first, in lower case."""

    @property
    def country(self) -> str | None:
        """Two capital letters, None where nobody knows."""

    @property
    def query(self) -> str:
        """The query as it was sent, percent-encoded, without the question mark."""

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """The query's names and values, decoded."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a visitor is sent."""

    target: str
    redirect_status: int | None
    """None: as the service does by itself."""
    limited: bool
    """Whether the visit is one of a limited number, so that each has to ask."""
    expires_in: int | None
    """Whole seconds until the link expires."""


def state_of(terms: Terms, moment: datetime) -> State:
    """Return the state of a link at a moment."""
    if terms.deleted:
        return State.DELETED
    if terms.disabled:
        return State.DISABLED
    if terms.expires_at is not None and terms.expires_at <= moment:
        return State.EXPIRED
    if terms.exhausted:
        return State.EXHAUSTED
    if terms.starts_at is not None and terms.starts_at > moment:
        return State.SCHEDULED
    return State.ACTIVE


def destination(
    terms: Terms, visitor: Visitor, moment: datetime, blocked: Callable[[str], bool]
) -> Destination:
    """Return where a visitor is sent; raise LinkGone, LinkNotStarted or InvalidUrl.

    `blocked` tells whether nobody may be sent to a URL; see `leads_to_blocked`.
    """
    check_open(terms, moment, blocked)
    target = _chosen(terms, visitor)
    if terms.forward_query:
        target = with_query(target, visitor.query)
        if not is_sendable(target):  # before a visit is used up: it would take nobody anywhere
            raise InvalidUrl("with the query of the visit the URL is too long to be sent")
    expires_in = None
    if terms.expires_at is not None:
        expires_in = int((terms.expires_at - moment).total_seconds())
    return Destination(target, terms.redirect_status, terms.max_visits is not None, expires_in)


def targets_of(terms: Terms) -> tuple[str, ...]:
    """Return where a link leads anybody, each once, in the order in which it is decided."""
    return tuple(dict.fromkeys((*(rule.url for rule in terms.rules), terms.target)))


def leads_to_blocked(terms: Terms, blocked: Callable[[str], bool]) -> bool:
    """Tell whether a link leads anybody to what is blocked; then it sends nobody anywhere.

    Also those whom it would send elsewhere: a link that shows most people something harmless, and
    the one or other something else, is one that does harm.
    """
    return any(map(blocked, targets_of(terms)))


def check_open(terms: Terms, moment: datetime, blocked: Callable[[str], bool]) -> None:
    """Raise LinkGone or LinkNotStarted for a link that sends nobody anywhere."""
    state = state_of(terms, moment)
    if state in GONE:
        raise LinkGone(GONE[state])
    if leads_to_blocked(terms, blocked):
        raise LinkGone(BLOCKED)
    if state is State.SCHEDULED and terms.starts_at is not None:
        wait = math.ceil((terms.starts_at - moment).total_seconds())
        raise LinkNotStarted(retry_after=max(1, wait))


def with_query(target: str, query: str) -> str:
    """Return a target with a visitor's query behind its own, byte for byte, before the fragment."""
    forwarded = "&".join(
        part for part in query.split("&") if part not in {QR_PARAMETER, f"{QR_PARAMETER}="}
    )
    if not forwarded:
        return target
    address, mark, fragment = target.partition("#")
    joint = "?"
    if "?" in address:
        joint = "" if address.endswith(("?", "&")) else "&"
    return f"{address}{joint}{forwarded}{mark}{fragment}"


def _chosen(terms: Terms, visitor: Visitor) -> str:
    if not terms.rules:
        return terms.target
    rules = [rule for rule in terms.rules if _met_but_for_language(rule.condition, visitor)]
    language = _language(rules, visitor)
    for rule in rules:
        wanted = rule.condition.language
        if wanted is None or wanted.lower() == language:
            return rule.url
    return terms.target


def _language(rules: Iterable[Rule], visitor: Visitor) -> str | None:
    """Return the one language that suits the visitor best, of rules that could send them away."""
    offered = [rule.condition.language for rule in rules if rule.condition.language]
    return looked_up(visitor.languages, offered) if offered else None


def looked_up(ranges: Iterable[str], offered: Iterable[str]) -> str | None:
    """Look up the first range that an offered tag meets (RFC 4647, section 3.4), in lower case."""
    tags = {tag.lower() for tag in offered}
    for wanted in ranges:
        parts = wanted.lower().split("-")
        while parts:
            if (tag := "-".join(parts)) in tags:
                return tag
            parts.pop()
            if parts and len(parts[-1]) == 1:
                parts.pop()  # a single letter only introduces what followed it
    return None


def _met_but_for_language(condition: Condition, visitor: Visitor) -> bool:
    if condition.device is not None and condition.device != visitor.device:
        return False
    if condition.country is not None and condition.country != visitor.country:
        return False
    wanted = condition.query
    return wanted is None or (wanted.name, wanted.value) in visitor.parameters
