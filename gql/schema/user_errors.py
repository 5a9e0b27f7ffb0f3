"""Expected failures of writes, as part of their answers."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from store import ConflictError, CursorCodec, RefusedError


@strawberry.type(description="Why a write was not done; nothing has changed.")
class UserError:
    code: str = strawberry.field(description="What kind of failure; codes are stable.")
    message: str = strawberry.field(description="What is wrong, and what to do about it.")
    field: list[str] | None = strawberry.field(
        description="The way to what is wrong, from the arguments on, such as "
        '`["input", "documents", "0", "text"]`; null where it is no one place.'
    )


def user_errors(error: RefusedError | ConflictError, cursors: CursorCodec) -> Sequence[UserError]:
    """What a client is told of a write that was not done."""
    if isinstance(error, ConflictError):
        message, field = _conflict(error, cursors), ["input", "expectedRevision"]
        return [UserError(code=error.code, message=message, field=field)]
    return [
        UserError(code=code, message=message, field=["input", *place] if place else None)
        for code, message, place in error.refusals
    ]


def _conflict(error: ConflictError, cursors: CursorCodec) -> str:
    """The store speaks of revisions by number; clients know them as `Article.revision`."""
    if error.id is None or error.current is None:
        return str(error)
    now = cursors.revision(error.id, error.current)
    return f"The article is at revision {now}, not at the expected one. Read it again and retry."
