"""Results: what graphql-core executed, as the data, errors and codes of a response."""

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
from gql.http.protocol.messages import Result, error_codes, error_result


def _position(error: GraphQLError) -> tuple[Any, ...]:
    """Where an error stands in the document, then in the data: in which order they came depends on
    how long each part took, and the same request should have the same answer.
    """
    lines = [(location.line, location.column) for location in error.locations or ()]
    keys = [(key, "") if isinstance(key, int) else (-1, key) for key in error.path or ()]
    return lines, keys


def retry_of(executed: ExecutionResult) -> Headers:
    """When a request that came to nothing can be sent again; nothing where that would not help."""
    if executed.data is None:
        for error in executed.errors or ():
            if headers := retry_headers(root_cause(error)):
                return headers
    return ()


def result_of(executed: ExecutionResult, operation_name: str | None) -> Result:
    """An execution as a result: formatted errors first, then data.

    graphql-core gives `data: None` in two cases. Where a null came up to the root, each error has a
    path, and null is the data. Where the variables did not fit, none has, and there is no data.
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
