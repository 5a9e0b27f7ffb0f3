"""Results: from graphql-core's ExecutionResult to the JSON of a response."""

from __future__ import annotations

from typing import Any

from graphql import ExecutionResult, GraphQLError

from gql.error_formatting import (
    format_field_errors,
    format_request_error,
    retry_headers,
    root_cause,
)
from gql.errors import BAD_USER_INPUT, Headers
from gql.http.protocol.json_encoding import encode
from gql.http.protocol.messages import Result
from gql.http.protocol.response_builder import error_codes, error_result


def _position(error: GraphQLError) -> tuple[Any, ...]:
    """The sort key of an error: its location in the document, then its path in the data.

    graphql-core's order depends on timing. Equal requests should have equal responses.
    """
    lines = [(location.line, location.column) for location in error.locations or ()]
    keys = [(key, "") if isinstance(key, int) else (-1, key) for key in error.path or ()]
    return lines, keys


def retry_headers_of(executed: ExecutionResult) -> Headers:
    """The Retry-After header of a request without any data; empty where a retry would not help."""
    if any(value is not None for value in (executed.data or {}).values()):
        return ()
    for error in executed.errors or ():
        if headers := retry_headers(root_cause(error)):
            return headers
    return ()


def to_result(executed: ExecutionResult, operation_name: str | None) -> Result:
    """The result of an execution: formatted errors first, then data.

    graphql-core returns `data: None` in two cases. If a null was propagated to the root, each error
    has a path, and the data is null. If the variables were invalid, no error has a path, and there
    is no data.
    """
    errors = sorted(executed.errors or (), key=_position)
    if executed.data is None and all(error.path is None for error in errors):
        reported = (format_request_error(error, BAD_USER_INPUT) for error in errors)
        return error_result(*reported, operation_name=operation_name)
    formatted = format_field_errors(errors)
    response = {"errors": formatted, "data": executed.data} if errors else {"data": executed.data}
    return Result(
        body=encode(response),
        has_data=True,
        operation_name=operation_name,
        error_codes=error_codes(formatted),
    )
