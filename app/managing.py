"""Make, see, change, disable and delete links one can manage: the use cases of their owners."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

import msgspec

from app import codes, metrics
from app.fields import GivenFields, accept_tag, check_tags, checked, has_tag
from app.model.callers import Caller
from app.model.errors import (
    AliasTaken,
    EditConflict,
    Forbidden,
    IdGenerationFailed,
    InvalidLink,
    LinkGone,
    LinkLocked,
    MissingToken,
    PreconditionFailed,
    UrlNotFound,
)
from app.model.links import PlainLink
from app.model.managed_links import Fields, ManagedLink, Terms
from app.states import state_of
from app.storage.cache import LinkCache
from app.storage.managed_links import ManagedLinkTable, Place, Revisions
from app.targets import Target, absolute, are_same

Accept = Callable[[str], Target]
"""Takes a URL as a target, or raises InvalidUrl or TargetBlocked."""
Versions = Collection[str] | None
"""At which of these a link must be to be changed (`ManagedLink.version`); None: at any."""
Change = Callable[[str, UUID, Revisions, str | None], ManagedLink | None]
"""Changes a link of an owner that is at one of the revisions and has the tag."""

_ATTEMPTS = 10
_EDITS = 5
_FOR_ANYBODY = frozenset({"url", "alias", "expires_at", "max_visits"})
# What is told of a link and cannot be set; sent back as it was, it is let be.
_TOLD = frozenset({
    "code", "state", "blocked", "short_url", "created_at", "changed_at", "visits", "visitors",
    "bots", "last_visit_at",
})  # fmt: skip
_PLAIN = ("starts_at", "expires_at", "max_visits", "redirect_status", "forward_query", "rules")


class Managing:
    """The use cases; `anonymous`: callers without an account may give more than a target."""

    def __init__(self, table: ManagedLinkTable, cache: LinkCache, *, anonymous: bool) -> None:
        self._table = table
        self._cache = cache
        self._anonymous = anonymous

    def create(
        self,
        given: GivenFields,
        alias: str | None,
        caller: Caller | None,
        accept: Accept,
        place: Place | None = None,
    ) -> tuple[ManagedLink, bool]:
        """Return a link and whether it is new: an own alias with the same target is not.

        Callers without an account own no alias: to them one that is there is taken. Whoever is
        limited to a tag makes only links that have it, and finds no others.
        Errors: InvalidLink, InvalidAlias, ReservedWord, AliasTaken, MissingToken, InvalidToken,
        what `accept` raises, DatabaseUnavailable, IdGenerationFailed, TargetTaken.
        """
        if caller is None:
            self._check_anonymous(given, alias)
        fields, _ = checked(given, accept)
        fields = _with_tag(fields, caller)
        wanted = None if alias is None else codes.accept_alias(alias)
        if place is not None and (before := self._table.made_before(place)):
            return self._own(before, caller), True
        code = self._insert(wanted, fields, caller, place)
        if code is None:
            # By this very statement, it may be, of which the first answer was lost.
            if place is not None and (before := self._table.made_before(place)):
                return self._own(before, caller), True
            return self._known_alias(wanted or "", fields.target, caller), False
        link = self._own(code, caller)
        # Also undoes what a look at the code may have left: "no link has this code".
        self._cache.put(code, known_of(link.terms))
        metrics.record_created(new=True)
        return link, True

    def get(self, code: str, caller: Caller) -> ManagedLink:
        """Return one of the caller's links; raise UrlNotFound."""
        return self._own(code, caller)

    def change(
        self,
        code: str,
        patch: object,
        caller: Caller,
        accept: Accept,
        versions: Versions = None,
    ) -> ManagedLink:
        """Apply a JSON merge patch (RFC 7396) to what an owner may set of a link.

        Whoever is limited to a tag cannot take it off: Forbidden. Other errors:
        UrlNotFound, InvalidLink, LinkGone for one that was deleted, PreconditionFailed
        if it is not at one of `versions`, EditConflict, what `accept` raises, TargetTaken.
        """
        if not isinstance(patch, dict):
            raise InvalidLink("a merge patch for a link is a JSON object")
        for _ in range(_EDITS):
            seen = self._seen(code, caller, versions)
            if seen.terms.deleted:
                raise LinkGone("the link was deleted; enable it to have it back")
            fields, _ = checked(
                patched(seen, patch, datetime.now(UTC)), _unless_kept(seen.terms, accept)
            )
            if caller.tag is not None and not has_tag(fields.tags, caller.tag):
                raise Forbidden("the API key is limited to a tag, and cannot take it off")
            if self._table.update(seen, fields, caller.user, findable=_is_findable(seen, fields)):
                return self._announced(self._own(seen.code, caller))
        raise EditConflict

    def disable(self, code: str, caller: Caller, versions: Versions = None) -> ManagedLink:
        """Let a link send nobody anywhere; errors as `change`."""
        return self._set(self._table.disable, code, caller, versions)

    def enable(self, code: str, caller: Caller, versions: Versions = None) -> ManagedLink:
        """Undo a disabling or a deletion; also raises LinkLocked."""
        return self._set(self._table.enable, code, caller, versions)

    def delete(self, code: str, caller: Caller, versions: Versions = None) -> None:
        """Delete a link; its code is never given out again."""
        self._set(self._table.delete, code, caller, versions)

    def _set(self, change: Change, code: str, caller: Caller, versions: Versions) -> ManagedLink:
        revisions: Revisions = None
        if versions is not None:
            # A tag that is renamed from here on is as good as renamed afterwards.
            seen = self._seen(code, caller, versions)
            code, revisions = seen.code, (seen.terms.revision,)
        changed = change(code, caller.user, revisions, caller.tag)
        if changed is None:
            link = self._seen(code, caller, versions)
            if link.code != code:  # an alias in another case
                changed = change(link.code, caller.user, revisions, caller.tag)
            if changed is None:
                _refuse(link)
        return self._announced(changed)

    def _seen(self, code: str, caller: Caller, versions: Versions) -> ManagedLink:
        """Return a link of the caller's that is at one of `versions`; raise PreconditionFailed."""
        link = self._own(code, caller)
        if versions is not None and link.version not in versions:
            raise PreconditionFailed
        return link

    def _check_anonymous(self, given: GivenFields, alias: str | None) -> None:
        fields = msgspec.structs.asdict(given)
        used = {name for name, value in fields.items() if value is not None}
        if not used <= _FOR_ANYBODY or (not self._anonymous and (used != {"url"} or alias)):
            raise MissingToken("these fields need an account")

    def _insert(
        self, alias: str | None, fields: Fields, caller: Caller | None, place: Place | None
    ) -> str | None:
        """Return the code of the new link, None if the alias is taken."""
        owner = None if caller is None else caller.user
        if alias is not None:
            return alias if self._table.insert(alias, fields, owner, place) else None
        for _ in range(_ATTEMPTS):
            code = codes.generate()
            if self._table.insert(code, fields, owner, place):
                return code
            # Taken; or made by this very statement, of which the first answer was lost.
            taken = self._table.owned(code, owner)
            if taken is not None and taken.terms.target == absolute(fields.target):
                return code
        raise IdGenerationFailed

    def _known_alias(self, alias: str, target: str, caller: Caller | None) -> ManagedLink:
        # Nobody's link may be of any stranger: it is not shown to another.
        link = None if caller is None else self._owned(alias, caller)
        if link is None or link.terms.deleted or not are_same(link.terms.target, target):
            raise AliasTaken
        metrics.record_created(new=False)
        return link

    def _owned(self, code: str, caller: Caller | None) -> ManagedLink | None:
        if caller is None:
            return self._table.owned(code, None)
        return self._table.owned(code, caller.user, caller.tag)

    def _own(self, code: str, caller: Caller | None) -> ManagedLink:
        link = self._owned(code, caller) if codes.is_alias(code) else None
        if link is None and code != code.lower() and codes.is_alias(code):
            link = self._owned(code.lower(), caller)
        if link is None:
            raise UrlNotFound
        return link

    def _announced(self, link: ManagedLink) -> ManagedLink:
        self._cache.changed(link.code, known_of(link.terms))
        return link


def _refuse(link: ManagedLink) -> NoReturn:
    """Raise what kept a statement from changing a link."""
    if link.locked:
        raise LinkLocked
    if link.terms.deleted:
        raise LinkGone("the link was deleted; enable it to have it back")
    raise EditConflict


def _with_tag(fields: Fields, caller: Caller | None) -> Fields:
    """Return what is given of a link, with the tag that its maker is limited to."""
    if caller is None or caller.tag is None or has_tag(fields.tags, caller.tag):
        return fields
    tags = (*fields.tags, accept_tag(caller.tag))
    check_tags(tags)
    return replace(fields, tags=tags)


def known_of(terms: Terms) -> PlainLink | Terms:
    """Return what caches hold of a link."""
    plain = Terms(terms.target, terms.revision)
    return PlainLink(terms.target, terms.revision) if terms == plain else terms


def patched(seen: ManagedLink, patch: Mapping[str, Any], moment: datetime) -> GivenFields:
    """Return what a link's owner gives by a patch of what is there; raise InvalidLink."""
    document = _document(seen)
    for name, value in patch.items():
        if name in document:
            document[name] = merge_patch(document[name], value)
        elif name == "code" and value != seen.code:
            raise InvalidLink("the code of a link cannot be changed")
        elif name == "state" and value != state_of(seen.terms, moment):
            raise InvalidLink("state cannot be set: use enable, disable or DELETE")
        elif name not in _TOLD:
            raise InvalidLink(f"{str(name)[:64]!r} is no field of a link")
    try:
        return msgspec.convert(document, GivenFields)
    except msgspec.ValidationError as error:
        raise InvalidLink(str(error)) from None


def _document(seen: ManagedLink) -> dict[str, Any]:
    terms = seen.terms
    return {
        "url": terms.target,
        "title": seen.title,
        "tags": list(seen.tags),
        "starts_at": terms.starts_at and terms.starts_at.isoformat(),
        "expires_at": terms.expires_at and terms.expires_at.isoformat(),
        "max_visits": terms.max_visits,
        "redirect_status": terms.redirect_status,
        "forward_query": terms.forward_query,
        "rules": msgspec.to_builtins(terms.rules) or None,
    }


def merge_patch(target: Any, patch: Any) -> Any:
    """Return RFC 7396's MergePatch(Target, Patch)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _unless_kept(terms: Terms, accept: Accept) -> Accept:
    """Take what the link already leads to as it is: old links may lead where new ones may not."""
    kept = {terms.target, *(rule.url for rule in terms.rules)}

    def accept_changed(url: str) -> Target:
        return Target(url, b"") if url in kept else accept(url)

    return accept_changed


def _is_findable(seen: ManagedLink, fields: Fields) -> bool:
    same = are_same(fields.target, seen.terms.target)
    return same and not any(getattr(fields, name) for name in _PLAIN)
