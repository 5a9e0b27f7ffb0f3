"""The response builder: from results to HTTP responses.

https://graphql.github.io/graphql-over-http/draft/#sec-Response
"""

from __future__ import annotations

from gql.cache_control import NO_STORE, VARY
from gql.error_formatting import FormattedError
from gql.errors import Headers, NotAcceptableError

from .json_encoding import encode
from .media_types import MediaType, negotiate
from .messages import HttpResponse, Result


def require_media_type(accept: str) -> MediaType:
    """Negotiate the media type of the response. Raises: NotAcceptableError."""
    media_type = negotiate(accept)
    if media_type is None:
        raise NotAcceptableError(
            "No media type in the Accept header is available. "
            f"Available are {MediaType.RESPONSE} and "
            f"{MediaType.JSON}, in UTF-8."
        )
    return media_type


def error_result(
    *errors: FormattedError,
    status: int | None = None,
    headers: Headers = (),
    operation_name: str | None = None,
) -> Result:
    """The result of a request that was not executed: errors, and no `data` entry.

    https://spec.graphql.org/draft/#sec-Request-Error-Result-Format
    """
    return Result(
        body=encode({"errors": errors}),
        status=status,
        headers=headers,
        operation_name=operation_name,
        error_codes=error_codes(errors),
    )


def error_codes(errors: tuple[FormattedError, ...]) -> tuple[str, ...]:
    """The codes of some errors, without duplicates, in order."""
    return tuple(dict.fromkeys(error["extensions"]["code"] for error in errors))


def status_of(result: Result, media_type: MediaType) -> int:
    """The HTTP status of a result.

    With application/json every well-formed request gets 200: a proxy may send that type too, and a
    client could not tell the proxy's 4xx from ours. With application/graphql-response+json a result
    without a data entry gets 400.
    https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes
    """
    if result.status is not None:
        return result.status
    return 200 if result.has_data or media_type is MediaType.JSON else 400


def build_response(result: Result, media_type: MediaType) -> HttpResponse:
    """The HTTP response with the result of one operation."""
    return HttpResponse(
        status=status_of(result, media_type),
        headers=(*response_headers(media_type, len(result.body)), *result.headers),
        body=result.body,
        operation_name=result.operation_name,
        error_codes=result.error_codes,
    )


def build_batch_response(results: list[Result], media_type: MediaType) -> HttpResponse:
    """The HTTP response with the results of a batch, in an array; always 200."""
    body = b"[" + b",".join(result.body for result in results) + b"]"
    codes = dict.fromkeys(code for result in results for code in result.error_codes)
    return HttpResponse(
        status=200,
        headers=response_headers(media_type, len(body)),
        body=body,
        error_codes=tuple(codes),
    )


def response_headers(media_type: MediaType, size_bytes: int) -> Headers:
    """The header fields of a response without a validator: no cache may store it."""
    return (
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(size_bytes).encode()),
        *NO_STORE,
        VARY,
    )
