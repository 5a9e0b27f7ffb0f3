"""GraphQL over HTTP: parsing of requests, and building of responses. No framework.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gql.error_formatting import FormattedError
from gql.errors import (
    BatchError,
    DocumentIdError,
    Headers,
    NotAcceptableError,
    RequestError,
    UnsupportedMediaTypeError,
)
from gql.http.request_memo import RequestMemo

from .json_encoding import decode, encode, exceeds_value_count, nesting_depth
from .media_types import MediaType, is_utf8, negotiate, parse_media_type

ALLOWED_METHODS = "GET, HEAD, POST, OPTIONS"
_MAX_PARAMETERS = 20
_JSON_TYPES = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a request.

    Attributes:
        max_body_bytes: The largest body.
        max_json_depth: The deepest nesting of variables and of extensions.
        max_json_values: The most values in variables and in extensions; an object counts as ten.
            Coercing that many takes as long as other requests may have to wait.
        batching: Whether batches are enabled.
        max_batch_size: The most operations of a batch.
    """

    max_body_bytes: int = 1 << 20
    max_json_depth: int = 32
    max_json_values: int = 5_000
    batching: bool = False
    max_batch_size: int = 10


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request; absent headers are empty."""

    method: str
    query_string: bytes = b""
    accept: str = ""
    content_type: str = ""
    content_encoding: str = ""
    body: bytes = b""


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request: https://graphql.github.io/graphql-over-http/draft/#sec-Request .

    Attributes:
        query: The document's text.
        operation_name: The name of the operation to execute.
        variables: The values of the variables, before coercion.
        extensions: The parameter `extensions`, which is ignored.
        memo: The memo of the executors for this request.
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    memo: RequestMemo = msgspec.field(default_factory=RequestMemo)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one operation.

    Attributes:
        body: The JSON of the response.
        has_data: Whether it has a `data` entry, null or not.
        status: The HTTP status where the specification asks for a certain one, else None.
        headers: Header fields for the response.
        operation_name: The name of the operation.
        error_codes: The codes of the errors.
        executor: The executor that made it, for developers.
    """

    body: bytes
    has_data: bool = False
    status: int | None = None
    headers: Headers = ()
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()
    executor: str = "reference"


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP response, and facts for the access log."""

    status: int
    headers: Headers
    body: bytes
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()


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


def parse_get(query_string: bytes, settings: HttpSettings) -> GraphQLRequest:
    """Parse the request in the parameters of a URL. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-GET
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:
        raise RequestError(f"The URL's parameters cannot be read: {error}.") from None
    # Empty parameters count as absent; parse_qsl leaves them out.
    parameters: dict[str, Any] = {}
    for name, text in pairs:
        if name in parameters:
            raise RequestError(f"The parameter {name} occurs twice. Send it once.")
        is_json = name in ("variables", "extensions")
        parameters[name] = _decode_json(text, f"The parameter {name}") if is_json else text
    return parse_graphql_request(parameters, settings)


def parse_post(
    request: HttpRequest, settings: HttpSettings
) -> GraphQLRequest | tuple[GraphQLRequest, ...]:
    """Parse the request in a body, or the requests of a batch. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-POST
    """
    _check_content_type(request)
    if not request.body.strip():
        raise RequestError('The body is empty. Send JSON such as {"query": "{ __typename }"}.')
    value = _decode_json(request.body, "The body")
    if isinstance(value, list):
        return _parse_batch(value, settings)
    return parse_graphql_request(value, settings)


def _check_content_type(request: HttpRequest) -> None:
    # This check also prevents CSRF: a browser sends application/json to another origin only after a
    # preflight, while it sends the "simple" types (forms, text/plain) without one. Those are
    # refused here, and GET executes queries only.
    name, parameters = parse_media_type(request.content_type)
    if name != MediaType.JSON:
        raise UnsupportedMediaTypeError(
            f"The Content-Type is {name or 'missing'}. Send {MediaType.JSON}."
        )
    if not is_utf8(parameters):
        raise UnsupportedMediaTypeError(
            f"The charset is {parameters['charset']}. Send the body in UTF-8."
        )
    if request.content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaTypeError(
            f"The Content-Encoding is {request.content_encoding}. Send the body uncompressed."
        )


def _decode_json(text: bytes | str, subject: str) -> Any:
    try:
        return decode(text)
    except ValueError as error:
        raise RequestError(f"{subject} is not JSON: {error}.") from None


def _parse_batch(values: list[Any], settings: HttpSettings) -> tuple[GraphQLRequest, ...]:
    if not settings.batching:
        raise BatchError("Batches are not enabled here. Send each operation in a request.")
    if not 1 <= len(values) <= settings.max_batch_size:
        raise BatchError(
            f"The batch has {len(values)} operations. "
            f"Send at least 1 and at most {settings.max_batch_size}."
        )
    return tuple(
        parse_graphql_request(value, settings, f" of operation {number} in the batch")
        for number, value in enumerate(values, 1)
    )


def parse_graphql_request(value: Any, settings: HttpSettings, of: str = "") -> GraphQLRequest:
    """Parse decoded parameters. Raises: RequestError: names the parameter that is wrong.

    `of` names the operation of a batch in messages. Unknown parameters are ignored.
    """
    if not isinstance(value, dict):
        raise RequestError(f"The request{of} has to be an object, not {_json_type(value)}.")
    query = _parameter(value, "query", str, of)
    if query is None:
        if value.get("documentId") is not None:
            raise DocumentIdError(
                "Documents by documentId are not enabled here. Send the text as query."
            )
        raise RequestError(f"The parameter query{of} is missing. Send the document's text in it.")
    variables = _parameter(value, "variables", dict, of)
    extensions = _parameter(value, "extensions", dict, of)
    for name, argument in (("variables", variables), ("extensions", extensions)):
        if argument and exceeds_value_count(argument, settings.max_json_values):
            raise RequestError(
                f"The parameter {name}{of} has more than {settings.max_json_values:,} values, an "
                "object counting as ten. Send fewer at once."
            )
        if argument and (depth := nesting_depth(argument)) > settings.max_json_depth:
            raise RequestError(
                f"The parameter {name}{of} is nested {depth} levels deep; "
                f"at most {settings.max_json_depth} are allowed."
            )
    return GraphQLRequest(
        query=intern(query),  # many cached requests share it
        operation_name=_parameter(value, "operationName", str, of),
        variables=variables,
        extensions=extensions,
    )


def _parameter(value: Mapping[str, Any], name: str, kind: type, of: str) -> Any:
    parameter = value.get(name)
    if parameter is not None and not isinstance(parameter, kind):
        raise RequestError(
            f"The parameter {name}{of} has to be {_JSON_TYPES[kind]}, not {_json_type(parameter)}."
        )
    return parameter


def _json_type(value: Any) -> str:
    return _JSON_TYPES[type(value)]


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
    """The header fields of every response with a body; Vary, since the media type is negotiated."""
    return (
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(size_bytes).encode()),
        (b"vary", b"Accept"),
    )
