"""What an owner can do with links, operation by operation."""

from __future__ import annotations

from app.model import errors
from app.routes import schemas
from app.routes.openapi.operation import Answer, Operation

_OWN = (
    errors.MissingToken,
    errors.InvalidToken,
    errors.UrlNotFound,
    errors.DatabaseUnavailable,
)
_SEEN = " With `If-Match` only a link that is still as it was seen."
_LINK = Answer(200, "The link", schemas.LinkBody, headers=("ETag",))
_AT = "/api/links/{code}"


def managed_links() -> tuple[Operation, ...]:
    """Return the operations on links of the caller."""
    return (
        Operation(
            "get", _AT, "getLink", "Links", "Show a link",
            "Of the caller's own, also one that is disabled, expired or deleted. The `ETag` stands"
            " for what an owner can set; counts do not change it.",
            (_LINK,), _OWN,
            limit="RATE_LIMIT", bearer="required", parameters=("code",),
        ),
        Operation(
            "patch", _AT, "changeLink", "Links", "Change a link",
            "A JSON merge patch (RFC 7396): what is absent stays, null clears. The code cannot be"
            " changed. In force everywhere within 5 seconds." + _SEEN,
            (_LINK,),
            (
                *_OWN, errors.InvalidJson, errors.InvalidUrl, errors.InvalidLink,
                errors.TargetBlocked, errors.TargetTaken, errors.EditConflict, errors.LinkGone,
                errors.PreconditionFailed,
            ),
            body=schemas.LinkPatch, patch=True,
            limit="RATE_LIMIT", bearer="required", parameters=("code", "If-Match"),
        ),
        Operation(
            "delete", _AT, "deleteLink", "Links", "Delete a link",
            "Its code is never given out again. `enable` brings it back. In force everywhere within"
            " 5 seconds." + _SEEN,
            (Answer(204, "The link is deleted", media_type=""),),
            (*_OWN, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", parameters=("code", "If-Match"),
        ),
        Operation(
            "post", _AT + "/enable", "enableLink", "Links", "Enable a link",
            "Undoes a disabling or a deletion, but not one by the people who run the service."
            + _SEEN,
            (_LINK,),
            (*_OWN, errors.LinkLocked, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", parameters=("code", "If-Match"),
        ),
        Operation(
            "post", _AT + "/disable", "disableLink", "Links", "Disable a link",
            "It answers 410 from then on, everywhere within 5 seconds." + _SEEN,
            (_LINK,),
            (*_OWN, errors.LinkGone, errors.PreconditionFailed, errors.EditConflict),
            limit="RATE_LIMIT", bearer="required", parameters=("code", "If-Match"),
        ),
    )  # fmt: skip
