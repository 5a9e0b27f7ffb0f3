"""User errors: expected failures of mutations."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, EnumMeta
from typing import TYPE_CHECKING

import strawberry

from store import ConflictError, CursorCodec, RefusedError

_CODES = {
    # of writes
    "AMBIGUOUS_SLUG": "Articles in several languages have this slug.",
    "BAD_LOCALE": "The locale is no language tag, has no folder, or would change the id.",
    "BAD_METADATA": "`metadata` is not an object, or has a key that is a field.",
    "BAD_PATH": "The path is in use, is not read, or leads out of the folder.",
    "BAD_SLUG": "The slug is not a date and a title, or not that of the article.",
    "CONFLICT": "The article is not at `expectedRevision`, or its file is being edited.",
    "FORMAT_NOT_WRITABLE": "The format of the document cannot express the change.",
    "HARD_LINK": "The file has a second name, which would keep the old text.",
    "KEYS_NOT_WRITABLE": "The change cannot be written under the document's own keys.",
    "NOT_FOUND": "No article has this id or slug.",
    "READ_ONLY_FILE": "The file is read-only.",
    "REFUSED": "Another reason, which the message gives.",
    "TOO_MANY_DOCUMENTS": "The import has too many documents.",
    # of documents
    "ALIASES_EXPLODE": "The YAML's aliases stand for too many values.",
    "BAD_DATE": "A date is invalid.",
    "BAD_TEXT": "A text has characters that it must not have.",
    "BAD_URL": "A URL is invalid.",
    "DUPLICATE_SLUG": "Another document has this slug.",
    "FILE_TOO_LARGE": "The document is too large.",
    "MISSING_DATE": "The date of publication is missing.",
    "MISSING_PROVIDER": "The provider is missing.",
    "MISSING_TITLE": "The title is missing.",
    "NOT_UTF8": "The document is not UTF-8.",
    "NO_FRONT_MATTER": "The document has no front matter.",
    "OUT_OF_RANGE": "A number is too small or too large.",
    "TOO_DEEP": "The front matter is nested too deeply.",
    "TOO_MANY_VALUES": "The front matter has too many values.",
    "UNCLOSED_FRONT_MATTER": "The end of the front matter is missing.",
    "UNREADABLE_JSON": "The front matter is no JSON.",
    "UNREADABLE_TOML": "The front matter is no TOML.",
    "UNREADABLE_YAML": "The front matter is no YAML.",
    "WRONG_TYPE": "A value has the wrong type.",
}
"""The codes of user errors, with their descriptions."""


def _user_error_code() -> EnumMeta:
    """The enumeration of the codes."""
    members = {
        code: strawberry.enum_value(code, description=description)
        for code, description in _CODES.items()
    }
    made: EnumMeta = Enum("UserErrorCode", members)  # type: ignore[misc]  # no literal
    return strawberry.enum(
        made,
        description="The kind of a user error. Releases may add values: treat those that you do "
        "not handle as REFUSED.",
    )


if TYPE_CHECKING:
    UserErrorCode = Enum
else:
    UserErrorCode = _user_error_code()


def user_error_code(code: str) -> UserErrorCode:
    """The value of a code; REFUSED for one that the enumeration lacks."""
    return UserErrorCode(code if code in _CODES else "REFUSED")


@strawberry.type(description="The reason why nothing was written.")
class UserError:
    code: UserErrorCode = strawberry.field(description="A stable code for the kind of failure.")
    message: str = strawberry.field(description="The problem, and how to solve it.")
    field: list[str] | None = strawberry.field(
        description="The path to the argument in error, such as "
        '`["input", "documents", "0", "text"]`; null if it is not one argument.'
    )


def user_errors(error: RefusedError | ConflictError, cursors: CursorCodec) -> Sequence[UserError]:
    """The user errors of a refused write."""
    if isinstance(error, ConflictError):
        message, field = _conflict(error, cursors), ["input", "expectedRevision"]
        return [UserError(code=user_error_code(error.code), message=message, field=field)]
    if not error.refusals:  # a write that is refused must say so
        message = "The document cannot be written."
        return [UserError(code=user_error_code(error.code), message=message, field=None)]
    return [
        UserError(
            code=user_error_code(code),
            message=message,
            field=["input", *path] if path else None,
        )
        for code, message, path in error.refusals
    ]


def _conflict(error: ConflictError, cursors: CursorCodec) -> str:
    """The message of a conflict, with the revision as clients see it."""
    if error.id is None or error.current is None:
        return str(error)
    now = cursors.revision(error.id, error.current)
    return f"The article is at revision {now}, not at the expected one. Read it again and retry."
