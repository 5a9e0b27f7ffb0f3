"""GraphQL over HTTP: what a request says, and what the answer to it looks like. No framework.

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

from .json_encoding import decode, encode, holds_more, nesting
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
    """What a request may be: sizes in bytes, levels of variables and extensions, batches.

    `max_json_values`: how many values those may hold, an object counting as ten. To coerce so many
    takes as long as others may have to wait.
    """

    max_body_bytes: int = 1 << 20
    max_json_depth: int = 32
    max_json_values: int = 5_000
    batching: bool = False
    max_batch_size: int = 10


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came; absent headers are empty."""

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
        operation_name: Which of its operations to execute.
        variables: Their values as they were sent.
        extensions: What else clients say.
        memo: What those who execute it remember of it.
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    memo: RequestMemo = msgspec.field(default_factory=RequestMemo)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How one operation went, as far as HTTP cares; how it was computed does not show.

    `body` is the JSON of the response. `has_data`: it has a `data` entry, null or not. `status`
    stands above the rule of `status_of` where the specification asks for a certain one. `way` names
    what executed it, for developers.
    """

    body: bytes
    has_data: bool = False
    status: int | None = None
    headers: Headers = ()
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()
    way: str = "reference"


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A response to send, and what an access log wants to know of it."""

    status: int
    headers: Headers
    body: bytes
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()


def acceptable(accept: str) -> MediaType:
    """The media type to answer with. Raises: NotAcceptableError."""
    media_type = negotiate(accept)
    if media_type is None:
        raise NotAcceptableError(
            f"Nothing here fits the Accept header. This serves {MediaType.RESPONSE} and "
            f"{MediaType.JSON}, in UTF-8."
        )
    return media_type


def read_get(query_string: bytes, settings: HttpSettings) -> GraphQLRequest:
    """The request in the parameters of a URL. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-GET
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:
        raise RequestError(f"The URL's parameters cannot be read: {error}.") from None
    # Empty parameters are as good as absent ones, and parse_qsl leaves them out.
    parameters: dict[str, Any] = {}
    for name, text in pairs:
        if name in parameters:
            raise RequestError(f"The parameter {name} occurs twice. Send it once.")
        is_json = name in ("variables", "extensions")
        parameters[name] = _decoded(text, f"The parameter {name}") if is_json else text
    return graphql_request(parameters, settings)


def read_post(
    request: HttpRequest, settings: HttpSettings
) -> GraphQLRequest | tuple[GraphQLRequest, ...]:
    """The request in a body, or the requests of a batch. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-POST
    """
    _check_content_type(request)
    if not request.body.strip():
        raise RequestError('The body is empty. Send JSON such as {"query": "{ __typename }"}.')
    value = _decoded(request.body, "The body")
    if isinstance(value, list):
        return _batch(value, settings)
    return graphql_request(value, settings)


def _check_content_type(request: HttpRequest) -> None:
    # This is also what keeps forms on foreign pages out (CSRF): a browser sends application/json
    # to another origin only after asking by OPTIONS, while the "simple" types (forms, text/plain)
    # go unasked. Those are refused here, and GET executes nothing but queries.
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


def _decoded(text: bytes | str, subject: str) -> Any:
    try:
        return decode(text)
    except ValueError as error:
        raise RequestError(f"{subject} is not JSON: {error}.") from None


def _batch(values: list[Any], settings: HttpSettings) -> tuple[GraphQLRequest, ...]:
    if not settings.batching:
        raise BatchError("Batches are not enabled here. Send each operation in a request.")
    if not 1 <= len(values) <= settings.max_batch_size:
        raise BatchError(
            f"The batch holds {len(values)} operations. "
            f"Send at least 1 and at most {settings.max_batch_size}."
        )
    return tuple(
        graphql_request(value, settings, f" of operation {number} in the batch")
        for number, value in enumerate(values, 1)
    )


def graphql_request(value: Any, settings: HttpSettings, of: str = "") -> GraphQLRequest:
    """The request that decoded parameters make. Raises: RequestError: says which one is wrong.

    `of`: whose parameters they are, for the message. Parameters not known here are ignored.
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
    for name, given in (("variables", variables), ("extensions", extensions)):
        if given and holds_more(given, settings.max_json_values):
            raise RequestError(
                f"The parameter {name}{of} holds more than {settings.max_json_values:,} values, an "
                "object counting as ten. Send fewer at once."
            )
        if given and (found := nesting(given)) > settings.max_json_depth:
            raise RequestError(
                f"The parameter {name}{of} is nested {found} levels deep; "
                f"at most {settings.max_json_depth} are allowed."
            )
    return GraphQLRequest(
        query=intern(query),  # many requests that are remembered have the same
        operation_name=_parameter(value, "operationName", str, of),
        variables=variables,
        extensions=extensions,
    )


def _parameter(value: Mapping[str, Any], name: str, kind: type, of: str) -> Any:
    given = value.get(name)
    if given is not None and not isinstance(given, kind):
        raise RequestError(
            f"The parameter {name}{of} has to be {_JSON_TYPES[kind]}, not {_json_type(given)}."
        )
    return given


def _json_type(value: Any) -> str:
    return _JSON_TYPES[type(value)]


def failed(
    *errors: FormattedError,
    status: int | None = None,
    headers: Headers = (),
    operation_name: str | None = None,
) -> Result:
    """The result of a request that was not executed: errors, and no `data` entry at all.

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
    """The different codes of some errors, in the order they first occur."""
    return tuple(dict.fromkeys(error["extensions"]["code"] for error in errors))


def status_of(result: Result, media_type: MediaType) -> int:
    """The status that tells how an operation went.

    Under application/json every well-formed request is answered 200, because proxies between may
    speak that type too, so that a client could not tell their 4xx from ours; under
    application/graphql-response+json it is 400 where there is no data entry.
    https://graphql.github.io/graphql-over-http/draft/#sec-Status-Codes
    """
    if result.status is not None:
        return result.status
    return 200 if result.has_data or media_type is MediaType.JSON else 400


def respond(result: Result, media_type: MediaType) -> HttpResponse:
    """The response for one operation."""
    return HttpResponse(
        status=status_of(result, media_type),
        headers=(*response_headers(media_type, len(result.body)), *result.headers),
        body=result.body,
        operation_name=result.operation_name,
        error_codes=result.error_codes,
    )


def respond_batch(results: list[Result], media_type: MediaType) -> HttpResponse:
    """The response for a batch: an array of answers, each telling for itself how it went."""
    body = b"[" + b",".join(result.body for result in results) + b"]"
    codes = dict.fromkeys(code for result in results for code in result.error_codes)
    return HttpResponse(
        status=200,
        headers=response_headers(media_type, len(body)),
        body=body,
        error_codes=tuple(codes),
    )


def response_headers(media_type: MediaType, size_bytes: int) -> Headers:
    """The headers of every response with a body; Vary, for the same URL has two forms."""
    return (
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(size_bytes).encode()),
        (b"vary", b"Accept"),
    )
