"""User errors: expected failures of mutations."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from store import ConflictError, CursorCodec, RefusedError


@strawberry.type(description="The reason why nothing was written.")
class UserError:
    code: str = strawberry.field(description="A stable code for the kind of failure.")
    message: str = strawberry.field(description="The problem, and how to solve it.")
    field: list[str] | None = strawberry.field(
        description="The path to the argument in error, such as "
        '`["input", "documents", "0", "text"]`; null if it is not one argument.'
    )


def user_errors(error: RefusedError | ConflictError, cursors: CursorCodec) -> Sequence[UserError]:
    """The user errors of a refused write."""
    if isinstance(error, ConflictError):
        message, field = _conflict(error, cursors), ["input", "expectedRevision"]
        return [UserError(code=error.code, message=message, field=field)]
    if not error.refusals:  # a write that is refused must say so
        return [UserError(code=error.code, message="The document cannot be written.", field=None)]
    return [
        UserError(code=code, message=message, field=["input", *path] if path else None)
        for code, message, path in error.refusals
    ]


def _conflict(error: ConflictError, cursors: CursorCodec) -> str:
    """The message of a conflict, with the revision as clients see it."""
    if error.id is None or error.current is None:
        return str(error)
    now = cursors.revision(error.id, error.current)
    return f"The article is at revision {now}, not at the expected one. Read it again and retry."
