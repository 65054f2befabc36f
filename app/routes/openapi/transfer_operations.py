"""What an owner can take along and bring, operation by operation."""

from __future__ import annotations

from typing import Any

from app.model import errors
from app.model.callers import Scope
from app.model.transfers import RECORD_FIELDS, Format
from app.routes import schemas_transfer as schemas
from app.routes.exports import LINES
from app.routes.imports import MOST_REFUSALS
from app.routes.openapi.operation import Answer, Operation
from app.storage.imports import LISTED, MOST_OPEN
from app.transfer.importing import LONGEST_PART

_WRITE = Scope.LINKS_WRITE
_OWN = (errors.MissingToken, errors.InvalidToken, errors.DatabaseUnavailable)
_OF_ONE = (*_OWN, errors.NotFound)
_AT = "/api/imports/{import_id}"
_FILE = "application/octet-stream"
_ONE = ("Upload-Offset",)

TRANSFER_STRUCTS = (
    schemas.ImportBody,
    schemas.OneImport,
    schemas.ImportList,
    schemas.RefusalList,
)
TRANSFER_PARAMETERS: dict[str, dict[str, Any]] = {
    "import_id": {
        "name": "import_id",
        "in": "path",
        "required": True,
        "description": "The `id` of an import",
        "schema": {"type": "string", "format": "uuid"},
    },
    "export-format": {
        "name": "format",
        "in": "query",
        "description": "JSON Lines, or CSV with the same columns",
        "schema": {"type": "string", "enum": [Format.JSONL, Format.CSV], "default": Format.JSONL},
    },
    "export-after": {
        "name": "after",
        "in": "query",
        "description": "The code of the last link that came whole: go on behind it",
        "schema": {"type": "string"},
    },
    "Upload-Offset": {
        "name": "Upload-Offset",
        "in": "header",
        "required": True,
        "description": "Where in the file the part begins: the `offset` of the import",
        "schema": {"type": "integer", "minimum": 0},
    },
    "refusals-after": {
        "name": "after",
        "in": "query",
        "description": "The `next_after` of the page before",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    },
    "refusals-limit": {
        "name": "limit",
        "in": "query",
        "description": "How many at most",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_REFUSALS, "default": 100},
    },
}


def transfers() -> tuple[Operation, ...]:
    """Return the operations on exports and imports of the caller."""
    return (_export(), *_imports(), *_one_import())


def _export() -> Operation:
    return Operation(
        "get", "/api/export", "exportLinks", "Transfers", "Take all of one's links along",
        "In the order of their codes, the deleted ones too, each with"
        f" {', '.join(f'`{name}`' for name in RECORD_FIELDS)}. An import of it makes the same links"
        " again. In CSV a text that a spreadsheet would take for a formula has an apostrophe in"
        " front, which an import takes off again. An answer that broke off is gone on with by"
        " `after`, without a header in CSV. Links made meanwhile may be in it or not.",
        (
            Answer(
                200, "The links", media_type=LINES, also=("text/csv",),
                headers=("Content-Disposition", "X-Total-Links"),
            ),
        ),
        (*_OWN, errors.InvalidQuery, errors.TransfersBusy),
        limit="RATE_LIMIT", bearer="required", scope=Scope.LINKS_READ,
        parameters=("export-format", "export-after"),
    )  # fmt: skip


def _imports() -> tuple[Operation, ...]:
    return (
        Operation(
            "post", "/api/imports", "beginImport", "Transfers", "Announce a file of links",
            "Then its bytes are sent part by part. The kinds: `jsonl` and `csv` as they are"
            " exported, and what Bitly, dub, kutt, shlink and YOURLS give their users, as CSV or"
            " JSON. UTF-8, or UTF-16 with its mark; commas, semicolons"
            f" or tabs. At most {MOST_OPEN} imports of an account are open.",
            (
                Answer(201, "A new import", schemas.OneImport, headers=_ONE),
                Answer(
                    200, "The import of the same file and format that is open", schemas.OneImport,
                    headers=_ONE,
                ),
            ),
            (*_OWN, errors.InvalidJson, errors.InvalidImport, errors.TooManyImports),
            body=schemas.ImportBody, limit="RATE_LIMIT", bearer="required", scope=_WRITE,
        ),
        Operation(
            "get", "/api/imports", "listImports", "Transfers", "List one's own imports",
            f"The last {LISTED}, the newest first; 30 days after its last part one is forgotten.",
            (Answer(200, "The imports", schemas.ImportList),), _OWN,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE,
        ),
    )  # fmt: skip


def _one_import() -> tuple[Operation, ...]:
    return (
        Operation(
            "get", _AT, "getImport", "Transfers", "Tell how far an import has come",
            "Whoever lost the answer to a part asks here where to go on.",
            (Answer(200, "The import", schemas.OneImport, headers=_ONE),), _OF_ONE,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("import_id",),
        ),
        Operation(
            "patch", _AT, "continueImport", "Transfers", "Send the next part of a file",
            f"At most {LONGEST_PART} bytes, cut anywhere, taken once: its whole records and the new"
            " `offset` are stored together, or neither is. Codes of six letters or digits stay as"
            " they are written, others become small. A link that the account has already is"
            " `unchanged`; what cannot be taken is refused alone, with its line and the reason."
            " A file whose beginning is none of a known kind is refused as a whole, and its import"
            " is forgotten.",
            (Answer(200, "The import as it is now", schemas.OneImport, headers=_ONE),),
            (*_OF_ONE, errors.InvalidQuery, errors.InvalidImport, errors.OffsetConflict,
             errors.TransfersBusy),
            file=_FILE, limit="RATE_LIMIT", bearer="required", scope=_WRITE,
            parameters=("import_id", "Upload-Offset"),
        ),
        Operation(
            "delete", _AT, "giveUpImport", "Transfers", "Give an import up",
            "The links that it has brought stay.",
            (Answer(204, "The import is forgotten", media_type=""),), _OF_ONE,
            limit="RATE_LIMIT", bearer="required", scope=_WRITE, parameters=("import_id",),
        ),
        Operation(
            "get", _AT + "/refusals", "listRefusals", "Transfers",
            "List what an import did not take",
            "In the order of the file; the first 10,000 are kept, all are counted. Where several"
            " codes of one record are refused, its line is listed once with each code and reason.",
            (Answer(200, "The refusals", schemas.RefusalList),), (*_OF_ONE, errors.InvalidQuery),
            limit="RATE_LIMIT", bearer="required", scope=_WRITE,
            parameters=("import_id", "refusals-after", "refusals-limit"),
        ),
    )  # fmt: skip
