"""The mutation that makes a preview link: the right to read one draft without a key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry

from gql.identity.preview_links import MAX_LIFETIME, sign_preview
from gql.identity.viewer import Permission
from store import LookupKey, QueryError

from .context import Info
from .query import Query
from .user_errors import UserError, user_error_code

_MINUTE = timedelta(minutes=1)


@strawberry.input(description="A draft to give others a link to.")
class CreatePreviewLinkInput:
    id: strawberry.ID = strawberry.field(description="The article's id.")
    expires_in_minutes: int = strawberry.field(
        default=60,
        description=f"How long the link can be used: at most {MAX_LIFETIME // _MINUTE:,} minutes.",
    )


@strawberry.type(description="A link to one draft.")
class CreatePreviewLinkPayload:
    token: str | None = strawberry.field(
        description="Opaque and secret: whoever has it can read the draft. Add it to the URL of "
        "GraphQL as `preview`. Null with user errors."
    )
    expires_at: datetime | None = strawberry.field(
        description="The end of the link. Null with user errors."
    )
    user_errors: list[UserError] = strawberry.field(
        description="The reasons why there is no link; else empty."
    )
    query: Query = strawberry.field(description="All queries.")


class PreviewLinkValue:
    """The value that `CreatePreviewLinkPayload` resolves from."""

    query = Query()

    def __init__(
        self,
        token: str | None = None,
        expires_at: datetime | None = None,
        *user_errors: UserError,
    ) -> None:
        self.token = token
        self.expires_at = expires_at
        self.user_errors = list(user_errors)


async def resolve_create_preview_link(
    info: Info,
    input: Annotated[
        CreatePreviewLinkInput, strawberry.argument(description="Which one, and how long.")
    ],
) -> PreviewLinkValue:
    """`Mutation.createPreviewLink`. It writes nothing, but gives a right away, hence the scope."""
    context = info.context
    context.viewer.require(Permission.WRITE, "Mutation.createPreviewLink")
    visibility = context.viewer.visibility
    [article] = await context.snapshot.get_many(LookupKey.ID, [input.id], visibility)
    if article is None:
        message = "There is no article with this id."
        return PreviewLinkValue(
            None,
            None,
            UserError(code=user_error_code("NOT_FOUND"), message=message, field=["input", "id"]),
        )
    lifetime = input.expires_in_minutes * _MINUTE
    try:
        link = sign_preview(context.snapshot.cursors.key, article.id, lifetime)
    except ValueError as error:
        raise QueryError(f"expiresInMinutes is {input.expires_in_minutes}. {error}") from None
    return PreviewLinkValue(link.token, link.expires)
