"""What an owner can do with links, operation by operation."""

from __future__ import annotations

from app.model import errors
from app.model.callers import Scope
from app.routes import schemas
from app.routes.bodies import LONGEST_OF_OWNERS
from app.routes.openapi.operation import HTML, REPEATING, RESOLVING, Answer, Operation

_OWN = (
    errors.MissingToken,
    errors.InvalidToken,
    errors.UrlNotFound,
    errors.DatabaseUnavailable,
)
_SEEN = " With `If-Match` only a link that is still as it was seen."
_LINK = Answer(200, "The link", schemas.LinkBody, headers=("ETag",))
_PICTURE = ("ETag", "Content-Disposition")
_AT = "/api/links/{code}"
_WRITE = Scope.LINKS_WRITE


def pictures() -> tuple[Operation, ...]:
    """Return what shows a link instead of following it."""
    looked = (*RESOLVING, errors.InvalidQuery)
    return (
        Operation(
            "get", "/{code}+", "previewLink", "Redirects", "Show where a link leads",
            "A page: the target as text, since when, and the link's QR code. Counts as no visit.",
            (Answer(200, "The page", media_type=HTML, headers=("Referrer-Policy",)),),
            RESOLVING,
            limit="RATE_LIMIT_RESOLVE", pages=True, parameters=("code",),
        ),
        *(
            Operation(
                "get", f"/{{code}}/qr.{kind}", f"{kind}QrCode", "Redirects",
                f"The QR code of a link as {kind.upper()}",
                "It holds the short URL with `?qr`, by which its visits count as scans; also of a"
                " link that has not started yet.",
                (
                    Answer(200, "The picture", media_type=media_type, headers=_PICTURE),
                    Answer(304, "The picture is the one you have", media_type="", headers=_PICTURE),
                ),
                tuple(error for error in looked if error is not errors.LinkNotStarted),
                limit="RATE_LIMIT_RESOLVE",
                parameters=("code", "size", "margin", "level", "dark", "light"),
            )
            for kind, media_type in (("svg", "image/svg+xml"), ("png", "image/png"))
        ),
    )  # fmt: skip


def managed_links() -> tuple[Operation, ...]:
    """Return the operations on links of the caller."""
    return (*_on_many(), *_on_tags(), *_on_one(), *_on_its_state())


def _on_many() -> tuple[Operation, ...]:
    return (
        Operation(
            "get", "/api/links", "pageLinks", "Links", "List one's own links by the page",
            "Page 10,000 costs what the first one costs, and nothing is listed twice or skipped"
            " while links are made. A page may hold fewer links than asked for and still have a"
            " `cursor`: when few match, the search goes on with the next page.",
            (Answer(200, "A page", schemas.LinkPage),),
            (
                errors.InvalidQuery, errors.MissingToken, errors.InvalidToken,
                errors.DatabaseUnavailable,
            ),
            limit="RATE_LIMIT", bearer="required", scope=Scope.LINKS_READ,
            parameters=("search", "with-tag", "state", "sort", "limit", "cursor"),
        ),
        Operation(
            "post", "/api/links/bulk", "createLinks", "Links", "Shorten many URLs",
            "Up to 1,000 links, each as `createLink` takes it; one answer for each, in order. At"
            f" most {LONGEST_OF_OWNERS} bytes. One"
            " that is refused does not undo the others. A hundred links count as one request. Sent"
            " again with the same `Idempotency-Key`, it makes no link twice, also when the first"
            " attempt ended in the middle.",
            (Answer(200, "An answer for each link", schemas.BulkAnswer),),
            (
                errors.InvalidJson, errors.MissingToken, errors.InvalidToken,
                *REPEATING, errors.DatabaseUnavailable,
            ),
            body=schemas.BulkBody,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("Idempotency-Key",),
        ),
    )  # fmt: skip


def _on_tags() -> tuple[Operation, ...]:
    return (
        Operation(
            "get", "/api/tags", "listTags", "Links", "List one's own tags",
            "With the number of links, those deleted left out.",
            (Answer(200, "The tags", schemas.TagList),),
            (errors.MissingToken, errors.InvalidToken, errors.DatabaseUnavailable),
            limit="RATE_LIMIT", bearer="required", scope=Scope.LINKS_READ,
        ),
        Operation(
            "patch", "/api/tags/{tag}", "renameTag", "Links", "Rename a tag",
            "For all links that have it. A name that only deleted links have is not taken: their"
            " tag and this one become one.",
            (Answer(200, "The tag", schemas.TagBody),),
            (
                errors.InvalidJson, errors.InvalidLink, errors.MissingToken, errors.InvalidToken,
                errors.TagNotFound, errors.TagExists, errors.DatabaseUnavailable,
            ),
            body=schemas.TagPatch, patch=True,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("named-tag",),
        ),
    )  # fmt: skip


def _on_one() -> tuple[Operation, ...]:
    return (
        Operation(
            "get", _AT, "getLink", "Links", "Show a link",
            "Of the caller's own, also one that is disabled, expired or deleted. The `ETag` stands"
            " for what an owner can set, the names of the link's tags included: renaming one"
            " changes it. Counts and `blocked` do not.",
            (_LINK,), _OWN,
            limit="RATE_LIMIT", bearer="required", scope=Scope.LINKS_READ, parameters=("code",),
        ),
        Operation(
            "patch", _AT, "changeLink", "Links", "Change a link",
            "A JSON merge patch (RFC 7396): what is absent stays, null clears. The code cannot be"
            " changed. Names of fields are taken exactly as they are here, and others are refused."
            f" At most {LONGEST_OF_OWNERS} bytes. In force everywhere within 5 seconds." + _SEEN,
            (_LINK,),
            (
                *_OWN, errors.InvalidJson, errors.InvalidUrl, errors.InvalidLink,
                errors.TargetBlocked, errors.TargetTaken, errors.EditConflict, errors.LinkGone,
                errors.PreconditionFailed,
            ),
            body=schemas.LinkPatch, patch=True,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("code", "If-Match"),
        ),
        Operation(
            "delete", _AT, "deleteLink", "Links", "Delete a link",
            "Its code is never given out again. `enable` brings it back. In force everywhere within"
            " 5 seconds." + _SEEN,
            (Answer(204, "The link is deleted", media_type=""),),
            (*_OWN, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("code", "If-Match"),
        ),
    )  # fmt: skip


def _on_its_state() -> tuple[Operation, ...]:
    return (
        Operation(
            "post", _AT + "/enable", "enableLink", "Links", "Enable a link",
            "Undoes a disabling or a deletion, but not one by the people who run the service."
            + _SEEN,
            (_LINK,),
            (*_OWN, errors.LinkLocked, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("code", "If-Match"),
        ),
        Operation(
            "post", _AT + "/disable", "disableLink", "Links", "Disable a link",
            "It answers 410 from then on, everywhere within 5 seconds." + _SEEN,
            (_LINK,),
            (*_OWN, errors.LinkGone, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("code", "If-Match"),
        ),
    )  # fmt: skip
