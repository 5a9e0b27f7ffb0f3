"""What clients are told when something fails: the one place where errors become GraphQL errors.

    GraphError                        expected: its message is for the client, with a stable `code`
    ├── viewer.ForbiddenError         the viewer lacks a right
    └── RequestError                  nothing was executed; `status` is the HTTP status
        ├── MethodNotAllowedError
        ├── NotAcceptableError
        ├── PayloadTooLargeError
        ├── UnsupportedMediaTypeError
        ├── BatchError
        ├── DocumentIdError
        ├── SubscriptionError
        ├── in gql.access: UnauthenticatedError, AuthenticationUnavailableError, RateLimitedError
        ├── in gql.realtime: capacity.TooManyError
        └── in gql.server: protocol_errors

`store.errors.StoreError` is expected in the same way. Everything else is a fault of ours: the
client gets an id, and the log has that id with the traceback.
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
    forget_frames,
)

log = structlog.get_logger(__name__)

FormattedError = dict[str, Any]
"""One GraphQL error as JSON; `extensions.code` is always there.

https://spec.graphql.org/draft/#sec-Errors
"""

Headers = tuple[tuple[bytes, bytes], ...]

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
OPERATION_UNRESOLVED = "OPERATION_RESOLUTION_FAILURE"
BAD_USER_INPUT = "BAD_USER_INPUT"
INTERNAL_ERROR = "INTERNAL_ERROR"
TOO_MANY_ERRORS = "TOO_MANY_ERRORS"

_OPERATORS_MEND = (StoreCorruptError, StoreUnavailableError, OutcomeUnknownError)
"""What clients cannot do anything about; the messages are for whoever runs the server."""

_FOLDERS = re.compile(r"(?<![^\s'\"(])/(?:[^/\n]*/)*")
"""The folders of an absolute path, and what stands between two: a folder's name may have blanks."""


class GraphError(Exception):
    """A failure that a client can understand and act on."""

    code = "GRAPH_ERROR"


class RequestError(GraphError):
    """The request was refused before anything was executed. `headers` go into the response."""

    code = "BAD_REQUEST"
    status = 400
    headers: Headers = ()

    def __init__(self, message: str, *, headers: Headers = ()) -> None:
        super().__init__(message)
        self.headers = headers or self.headers


class MethodNotAllowedError(RequestError):
    """The HTTP method does not fit; an `Allow` header says which do."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotAcceptableError(RequestError):
    """No media type of ours is acceptable to the client."""

    code = "NOT_ACCEPTABLE"
    status = 406


class PayloadTooLargeError(RequestError):
    """The body exceeds the cap. What is left of it is not read, so the connection has to end."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413
    headers = ((b"connection", b"close"),)


class UnsupportedMediaTypeError(RequestError):
    """The body is not JSON in UTF-8, by its headers."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class BatchError(RequestError):
    """A batch where none is allowed, or too large a one."""

    code = "BATCH_NOT_ALLOWED"


class DocumentIdError(RequestError):
    """A request that names its document by an id."""

    code = "DOCUMENT_ID_NOT_ENABLED"


class SubscriptionError(RequestError):
    """A subscription that came over a transport with one answer only."""

    code = "SUBSCRIPTION_NOT_SUPPORTED"


def refusal(error: GraphError | StoreError) -> FormattedError:
    """An expected error that belongs to no place in the document."""
    return {"message": client_message(error), "extensions": {"code": error.code}}


def client_message(error: Exception) -> str:
    """What clients are told of an expected error: nothing of the server's files and their folders,
    nor what only whoever runs it can do.
    """
    if isinstance(error, StoreCorruptError):
        return "The store cannot be read. Whoever runs the server finds the reason in its log."
    text = str(error)
    return bounded(_FOLDERS.sub("", text) if isinstance(error, _OPERATORS_MEND) else text)


MAX_MESSAGE = 1_000
"""How many characters of a message are told: it may quote what a client has sent, up to 1 MB."""


def bounded(message: str) -> str:
    """A message that is not longer than one should be."""
    return message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"


def request_error(error: GraphQLError, code: str) -> FormattedError:
    """An error in what the client sent, found before execution; a code of its own comes first."""
    formatted: FormattedError = {**error.formatted, "message": bounded(error.message)}
    formatted["extensions"] = {"code": code, **(error.extensions or {})}
    forget_frames(error)
    return formatted


def _field_error(error: GraphQLError) -> FormattedError:
    """An error that a field met during execution; unexpected ones are masked and logged."""
    cause = root_cause(error)
    code = expected_code(cause)
    if code is None:
        masked = internal_error(cause, path=error.path)
        return {**error.formatted, **masked}
    formatted: FormattedError = {**error.formatted, "message": client_message(cause)}
    if isinstance(cause, GraphQLError):
        formatted["message"] = bounded(cause.message)
    formatted["extensions"] = {**(error.extensions or {}), "code": code}
    return formatted


MAX_LOGGED = 3
"""Of so many faults in one answer the log has the traceback; of the others, their number."""

MAX_FIELD_ERRORS = 100
"""So many errors of fields are in one answer; one more tells how many there were."""


def field_errors(errors: Sequence[GraphQLError]) -> tuple[FormattedError, ...]:
    """The errors that fields met in one execution, no more than an answer and the log should hold.

    A field below a long list can fail as often as the list has items.
    """
    formatted = [_field_error(error) for error in errors[:MAX_LOGGED]]
    faults = [error for error in errors[MAX_LOGGED:] if expected_code(root_cause(error)) is None]
    shared = None
    if faults:
        error_id = secrets.token_hex(6)
        log.error("more_internal_errors", id=error_id, count=len(faults))
        shared = _masked(error_id)
    for error in errors[MAX_LOGGED:MAX_FIELD_ERRORS]:
        is_fault = expected_code(root_cause(error)) is None
        formatted.append(
            {**error.formatted, **shared} if shared and is_fault else _field_error(error)
        )
    for error in errors:
        forget_frames(error)
    left = len(errors) - MAX_FIELD_ERRORS
    if left > 0:
        formatted.append(
            {
                "message": f"{left} more fields failed; their errors are left out.",
                "extensions": {"code": TOO_MANY_ERRORS, "count": left},
            }
        )
    return tuple(formatted)


def internal_error(fault: BaseException, **context: Any) -> FormattedError:
    """Log a fault of ours under a new id, and return the error that tells the client this id."""
    error_id = secrets.token_hex(6)
    log.error("internal_error", id=error_id, exc_info=fault, **context)
    return _masked(error_id)


def _masked(error_id: str) -> FormattedError:
    return {
        "message": f"Internal error. Report it with the id {error_id}.",
        "extensions": {"code": INTERNAL_ERROR, "id": error_id},
    }


def retry_headers(fault: BaseException) -> Headers:
    """The header fields of a response that say when to try again, where that may help."""
    if isinstance(fault, StoreBusyError):
        return ((b"retry-after", b"%d" % fault.RETRY_S),)
    return ()


def root_cause(error: GraphQLError) -> Exception:
    """What was raised first, below the layers that graphql-core adds."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def expected_code(cause: Exception) -> str | None:
    """The code of an expected error; None for a fault of ours.

    graphql-core raises errors of its own in two cases: an argument that its variables spoil, which
    names the place in the document and is the client's to mend, and a result that does not fit the
    schema, which names none and is ours.
    """
    if isinstance(cause, GraphError | StoreError):
        return cause.code
    if isinstance(cause, GraphQLError):
        code = (cause.extensions or {}).get("code")
        return str(code) if code else BAD_USER_INPUT if cause.nodes else None
    return None
