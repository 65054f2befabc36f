"""What exports and imports have over the wire."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.model.transfers import Format
from app.routes.schemas import Moment

FormatName = Annotated[
    str,
    Meta(
        description="Whose file it is; auto: as its beginning shows",
        extra_json_schema={"enum": [each.value for each in Format]},
    ),
]
Bytes = Annotated[int, Meta(ge=0, description="Bytes")]


class ImportBody(msgspec.Struct, frozen=True):
    """What `POST /api/imports` takes."""

    format: FormatName
    size: Annotated[int, Meta(description="Bytes of the file", extra_json_schema={"minimum": 1})]
    name: (
        Annotated[str, Meta(description="For people", extra_json_schema={"maxLength": 256})] | None
    ) = None
    digest: (
        Annotated[
            str,
            Meta(
                description="SHA-256 of the file, by which an import is found again",
                extra_json_schema={"pattern": "^[0-9a-fA-F]{64}$"},
            ),
        ]
        | None
    ) = None


class ImportAnswer(msgspec.Struct, frozen=True):
    """An import, as far as it has come."""

    id: UUID
    format: FormatName
    name: str | None
    size: Bytes
    offset: Annotated[int, Meta(ge=0, description="The next byte that is wanted")]
    state: Literal["open", "done"]
    links: Annotated[int, Meta(description="New links")]
    unchanged: Annotated[int, Meta(description="Links that the account had already")]
    refused: Annotated[int, Meta(description="Records that were not taken")]
    created_at: Moment
    changed_at: Moment


class OneImport(msgspec.Struct, frozen=True):
    """One import."""

    message: Literal["Import created", "Import found", "Import retrieved successfully"]
    import_: ImportAnswer = msgspec.field(name="import")


class ImportList(msgspec.Struct, frozen=True):
    """The caller's last twenty imports, the newest first."""

    message: Literal["Imports retrieved successfully"]
    imports: list[ImportAnswer]


class RefusalAnswer(msgspec.Struct, frozen=True):
    """A record that was not taken."""

    line: Annotated[
        int, Meta(description="Where it begins; in a JSON document, which record it is")
    ]
    code: str | None
    reason: str


class RefusalList(msgspec.Struct, frozen=True):
    """Refusals in the order of the file: of an import the first 10,000."""

    message: Literal["Refusals retrieved successfully"]
    refusals: list[RefusalAnswer]
    next_after: Annotated[int, Meta(description="For the next page; null on the last")] | None
