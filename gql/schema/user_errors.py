"""Expected failures of writes, as part of their answers."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from store import ConflictError, RefusedError


@strawberry.type(description="Why a write was not done; nothing has changed.")
class UserError:
    code: str = strawberry.field(description="What kind of failure; codes are stable.")
    message: str = strawberry.field(description="What is wrong, and what to do about it.")
    field: list[str] | None = strawberry.field(
        description="The way to what is wrong, from the arguments on, such as "
        '`["input", "documents", "0", "text"]`; null where it is no one place.'
    )


def user_errors(error: RefusedError | ConflictError) -> Sequence[UserError]:
    """What a client is told of a write that was not done."""
    if isinstance(error, ConflictError):
        return [UserError(code=error.code, message=str(error), field=["input", "expectedRevision"])]
    return [
        UserError(code=code, message=message, field=["input", *place] if place else None)
        for code, message, place in error.refusals
    ]
