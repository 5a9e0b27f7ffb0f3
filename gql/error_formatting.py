"""Error formatting: exceptions become GraphQL errors, and internal errors are masked and logged.

The message of an expected error (`GraphError`, `StoreError`) is for the client. Every other
exception is an internal error: the client gets an id, and the log has this id with the traceback.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError

from store.errors import (
    OutcomeUnknownError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
    clear_tracebacks,
)

from .errors import BAD_USER_INPUT, INTERNAL_ERROR, TOO_MANY_ERRORS, GraphError, Headers

log = structlog.get_logger(__name__)

FormattedError = dict[str, Any]
"""A GraphQL error as JSON, always with `extensions.code`.

https://spec.graphql.org/draft/#sec-Errors
"""

_OPERATOR_ERRORS = (StoreCorruptError, StoreUnavailableError, OutcomeUnknownError)
"""Errors that only the operator of the server can mend; their messages name files."""

_FOLDERS = re.compile(r"(?<![^\s'\"(])/(?:[^/\n]*/)*")
"""The folders of an absolute path. Folder names may have spaces, so it can span two paths."""

MAX_MESSAGE = 1_000
"""The most characters of a message: it may quote what a client has sent, up to 1 MB."""

MAX_LOGGED = 3
"""The internal errors of one response that are logged with a traceback; others are counted."""

MAX_FIELD_ERRORS = 100
"""The maximum number of field errors in a response; one more error counts the others."""


def format_expected_error(error: GraphError | StoreError) -> FormattedError:
    """An expected error as a GraphQL error without locations."""
    return {"message": client_message(error), "extensions": {"code": error.code}}


def client_message(error: Exception) -> str:
    """The message of an expected error for clients, without the folders of the server's files."""
    if isinstance(error, StoreCorruptError):
        return "The store cannot be read. The server's log has the reason."
    text = str(error)
    return truncate_message(_FOLDERS.sub("", text) if isinstance(error, _OPERATOR_ERRORS) else text)


def truncate_message(message: str) -> str:
    """A message of at most `MAX_MESSAGE` characters and an ellipsis."""
    return message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"


def format_request_error(error: GraphQLError, code: str) -> FormattedError:
    """A parse or validation error as a GraphQL error; `code` applies if it has none of its own."""
    formatted: FormattedError = {**error.formatted, "message": truncate_message(error.message)}
    formatted["extensions"] = {"code": code, **(error.extensions or {})}
    clear_tracebacks(error)
    return formatted


def _format_field_error(error: GraphQLError) -> FormattedError:
    """An execution error of a field; an internal error is masked and logged."""
    cause = root_cause(error)
    code = expected_code(cause)
    if code is None:
        masked = mask_internal_error(cause, path=error.path)
        return {**error.formatted, **masked}
    formatted: FormattedError = {**error.formatted, "message": client_message(cause)}
    if isinstance(cause, GraphQLError):
        formatted["message"] = truncate_message(cause.message)
    formatted["extensions"] = {**(error.extensions or {}), "code": code}
    return formatted


def format_field_errors(errors: Sequence[GraphQLError]) -> tuple[FormattedError, ...]:
    """The field errors of one execution, bounded for the response and the log.

    A field below a long list can fail as often as the list has items.
    """
    formatted = [_format_field_error(error) for error in errors[:MAX_LOGGED]]
    internal = [error for error in errors[MAX_LOGGED:] if expected_code(root_cause(error)) is None]
    masked = None
    if internal:
        error_id = secrets.token_hex(6)
        log.error("internal_errors_omitted", id=error_id, count=len(internal))
        masked = _masked_error(error_id)
    for error in errors[MAX_LOGGED:MAX_FIELD_ERRORS]:
        is_internal = expected_code(root_cause(error)) is None
        formatted.append(
            {**error.formatted, **masked} if masked and is_internal else _format_field_error(error)
        )
    for error in errors:
        clear_tracebacks(error)
    omitted = len(errors) - MAX_FIELD_ERRORS
    if omitted > 0:
        formatted.append(
            {
                "message": f"{omitted} more fields failed; their errors are left out.",
                "extensions": {"code": TOO_MANY_ERRORS, "count": omitted},
            }
        )
    return tuple(formatted)


def mask_internal_error(error: BaseException, **context: Any) -> FormattedError:
    """Log an internal error under a new id, and return a GraphQL error with nothing but this id."""
    error_id = secrets.token_hex(6)
    log.error("internal_error", id=error_id, exc_info=error, **context)
    return _masked_error(error_id)


def _masked_error(error_id: str) -> FormattedError:
    return {
        "message": f"Internal error. Report it with the id {error_id}.",
        "extensions": {"code": INTERNAL_ERROR, "id": error_id},
    }


def retry_headers(error: BaseException) -> Headers:
    """A `Retry-After` field for a busy store; nothing for other errors."""
    if isinstance(error, StoreBusyError):
        return ((b"retry-after", b"%d" % error.RETRY_S),)
    return ()


def root_cause(error: GraphQLError) -> Exception:
    """The exception below the layers that graphql-core adds."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def expected_code(cause: Exception) -> str | None:
    """The code of an expected error; None for an internal error.

    graphql-core raises errors of its own in two cases. An argument whose variables have a wrong
    value: the error has nodes, and is the client's. A result that does not fit the schema: the
    error has no nodes, and is ours.
    """
    if isinstance(cause, GraphError | StoreError):
        return cause.code
    if isinstance(cause, GraphQLError):
        code = (cause.extensions or {}).get("code")
        return str(code) if code else BAD_USER_INPUT if cause.nodes else None
    return None
