"""What goes over the wire: the types that the routes read and write, and that OpenAPI describes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app import codes
from app.fields import (
    GivenFields,
    GivenForward,
    GivenLimit,
    GivenMoment,
    GivenRule,
    GivenStatus,
    GivenTag,
    GivenTarget,
    GivenTitle,
)
from app.model.managed_links import Rule, State

# What a field's rules are in words a generator understands. The use cases check them: they give
# their reasons in the contract's words, and a wrong login must not tell which rule it broke.
Code = Annotated[
    str,
    Meta(
        description="Short code, case-sensitive, or an alias in lower case",
        extra_json_schema={
            "pattern": f"^[a-zA-Z0-9_-]{{{codes.SHORTEST_ALIAS},{codes.LONGEST_ALIAS}}}$"
        },
    ),
]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, in UTC")]
Timestamp = Annotated[int, Meta(description="Seconds since 1970-01-01, UTC")]
Token = Annotated[
    str, Meta(description="JWT (HS256) with the claims user_id, iat, nbf and exp; for 24 hours")
]
GivenAlias = Annotated[
    str,
    Meta(
        description="The code, if it should be a certain one; kept in lower case",
        extra_json_schema={
            "pattern": f"^[a-zA-Z0-9_-]{{{codes.SHORTEST_ALIAS},{codes.LONGEST_ALIAS}}}$"
        },
    ),
]
StateName = Annotated[
    str,
    Meta(
        description="What the link is just now",
        extra_json_schema={"enum": [state.value for state in State]},
    ),
]
GivenEmail = Annotated[
    str, Meta(description="At most 254 characters; compared without regard to case")
]
GivenPassword = Annotated[str, Meta(description="6 to 128 characters")]
GivenName = Annotated[str, Meta(description="3 to 64 characters; an empty one counts as none")]


class CreateBody(GivenFields, frozen=True):
    """What `POST /api/` takes; without an account: url, alias, expires_at and max_visits."""

    alias: GivenAlias | None = None

    @property
    def is_plain(self) -> bool:
        """Tell whether there is nothing but a target: what `checked` takes for nothing is none."""
        return (
            self.alias is None
            and self.starts_at is None
            and self.expires_at is None
            and self.max_visits is None
            and self.redirect_status is None
            and self.forward_query is None
            and not self.tags
            and not self.rules
            and (self.title is None or not self.title.strip())
        )


class SignupBody(msgspec.Struct, frozen=True):
    """What `POST /api/signup` takes."""

    email: GivenEmail
    password: GivenPassword
    username: GivenName | None = None


class LoginBody(msgspec.Struct, frozen=True):
    """What `POST /api/login` takes."""

    email: GivenEmail
    password: GivenPassword


class LinkPatch(msgspec.Struct, frozen=True):
    """What `PATCH /api/links/<code>` takes: null clears, what is absent stays."""

    url: GivenTarget | UnsetType = UNSET
    title: GivenTitle | UnsetType | None = UNSET
    tags: list[GivenTag] | UnsetType | None = UNSET
    starts_at: GivenMoment | UnsetType | None = UNSET
    expires_at: GivenMoment | UnsetType | None = UNSET
    max_visits: GivenLimit | UnsetType | None = UNSET
    redirect_status: GivenStatus | UnsetType | None = UNSET
    forward_query: GivenForward | UnsetType | None = UNSET
    rules: list[GivenRule] | UnsetType | None = UNSET


class LinkBody(msgspec.Struct, frozen=True):
    """A link with all that its owner may know; what is not set is null."""

    code: Code
    short_url: str
    url: Annotated[str, Meta(description="Where it leads, always with a scheme")]
    title: str | None
    tags: list[str]
    starts_at: Moment | None
    expires_at: Moment | None
    max_visits: int | None
    redirect_status: int | None
    forward_query: bool | None
    rules: list[Rule]
    state: StateName
    blocked: Annotated[
        bool,
        Meta(
            description="Whether it, or a rule of it, leads to a host that the people who run the"
            " service blocked: then it answers 410, whatever its state"
        ),
    ]
    created_at: Moment | None
    changed_at: Moment | None
    visits: int
    visitors: int
    bots: int
    last_visit_at: Moment | None


class NewLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """A link was made; `link` where more than a target was given."""

    message: Literal["URL shortened successfully"]
    short_code: Code
    link: LinkBody | None = None


class KnownLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """The caller had such a link before; `link` where more than a target was given."""

    message: Literal["URL already exists, returning existing short code"]
    short_code: Code
    link: LinkBody | None = None


class LinkPage(msgspec.Struct, frozen=True):
    """Some of the caller's links; `cursor` gives the next ones, null at the end.

    There may be fewer than asked for although there are more: go by the cursor.
    """

    links: list[LinkBody]
    cursor: str | None


class TagBody(msgspec.Struct, frozen=True):
    """A tag with the number of links that have it."""

    name: str
    links: int


class TagList(msgspec.Struct, frozen=True):
    """The caller's tags by name, at most a thousand."""

    tags: list[TagBody]


class TagPatch(msgspec.Struct, frozen=True):
    """What `PATCH /api/tags/<tag>` takes."""

    name: GivenTag


class BulkBody(msgspec.Struct, frozen=True):
    """What `POST /api/links/bulk` takes: up to 1,000 links, each as `POST /api/` takes it."""

    links: Annotated[list[CreateBody], Meta(extra_json_schema={"minItems": 1, "maxItems": 1000})]


class BulkLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """One link of a bulk: made (201), the caller's already (200), or refused as `createLink` would.

    One that is refused does not undo the others.
    """

    status: int
    short_code: Code | None = None
    link: LinkBody | None = None
    error: str | None = None
    code: str | None = None
    details: str | None = None


class BulkAnswer(msgspec.Struct, frozen=True):
    """One answer for each link, in their order."""

    links: list[BulkLink]


class ResolvedLink(msgspec.Struct, frozen=True):
    """Where a code leads, as its creator wrote it, but always with a scheme."""

    message: Literal["URL retrieved successfully"]
    url: str


class OwnedLink(msgspec.Struct, frozen=True):
    """One of the caller's links; `created_at` is null where it never was noted."""

    id: Code
    url: str
    created_at: Moment | None


class OwnedLinks(msgspec.Struct, frozen=True, omit_defaults=True):
    """The caller's links, the newest first: at most 10,000, and at most 2 MiB of answer."""

    message: Literal["User URLs retrieved successfully"]
    urls: list[OwnedLink]
    truncated: Annotated[
        bool, Meta(description="There are more links than the answer holds; absent when it has all")
    ] = False


class Account(msgspec.Struct, frozen=True):
    """Somebody with an account."""

    id: UUID
    username: str | None
    email: str
    created_at: Moment


class SignedUp(msgspec.Struct, frozen=True):
    """An account was made, and whoever made it is logged in."""

    message: Literal["User created successfully"]
    user: Account
    token: Token


class LoggedIn(msgspec.Struct, frozen=True):
    """The address and the password are right."""

    token: Token


class Health(msgspec.Struct, frozen=True):
    """Whether the dependencies answer; unhealthy is a service without PostgreSQL only."""

    status: Literal["healthy", "unhealthy"]
    redis: bool
    postgres: bool
    timestamp: Timestamp


class Liveness(msgspec.Struct, frozen=True):
    """The process answers; whether a signal is configured, and its last export was accepted.

    Degraded: something that is configured does not work. Told of the worker that answers.
    """

    status: Literal["ok", "degraded"]
    otel_tracing: bool
    otel_tracing_works: bool
    otel_metrics: bool
    otel_metrics_works: bool
    loki_logging: bool
    loki_logging_works: bool
    service_name: str
    environment: str
    timestamp: Timestamp


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The shape of every error."""

    error: Annotated[str, Meta(description="For people, with the reason where there is one")]
    code: Annotated[str, Meta(description="For machines")]
    details: Annotated[str, Meta(description="The reason alone, where there is one")] | None = None
    retry_after: Annotated[int, Meta(ge=1, description="Seconds; with 429 only")] | None = None
    offset: (
        Annotated[int, Meta(ge=0, description="The next byte; with OFFSET_CONFLICT only")] | None
    ) = None
