"""The request parser: from URLs and bodies to GraphQL requests.

https://graphql.github.io/graphql-over-http/draft/#sec-Request
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any
from urllib.parse import parse_qsl

from gql.errors import BatchError, RequestError, UnsupportedMediaTypeError

from .document_parameters import (
    asks_registration,
    check_single,
    names_document,
    text_of_id,
)
from .json_encoding import decode, exceeds_value_count, nesting_depth
from .media_types import MediaType, is_utf8, parse_media_type
from .messages import GraphQLRequest, HttpRequest, HttpSettings

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
    check_content_type(request.content_type, request.content_encoding)
    if not request.body.strip():
        raise RequestError('The body is empty. Send JSON such as {"query": "{ __typename }"}.')
    value = _decode_json(request.body, "The body")
    if isinstance(value, list):
        return _parse_batch(value, settings)
    return parse_graphql_request(value, settings)


def check_content_type(content_type: str, content_encoding: str) -> None:
    """Check the type and the encoding of a body. Raises: UnsupportedMediaTypeError."""
    # This check also prevents CSRF: a browser sends application/json to another origin only after a
    # preflight, while it sends the "simple" types (forms, text/plain) without one. Those are
    # refused here, and GET executes queries only.
    name, parameters = parse_media_type(content_type)
    if name != MediaType.JSON:
        raise UnsupportedMediaTypeError(
            f"The Content-Type is {name or 'missing'}. Send {MediaType.JSON}."
        )
    if not is_utf8(parameters):
        raise UnsupportedMediaTypeError(
            f"The charset is {parameters['charset']}. Send the body in UTF-8."
        )
    if content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaTypeError(
            f"The Content-Encoding is {content_encoding}. Send the body uncompressed."
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
    documents, is_new = settings.documents, False
    if query is None or (not query and names_document(value)):
        query = text_of_id(value, documents, of)
    elif documents.is_enabled:
        check_single(value, documents, of)
        is_new = asks_registration(value, query, documents, of)
    return GraphQLRequest(
        query=intern(query),  # many cached requests share it
        operation_name=_parameter(value, "operationName", str, of),
        variables=variables,
        extensions=extensions,
        is_new=is_new,
    )


def _parameter(value: Mapping[str, Any], name: str, kind: type, of: str) -> Any:
    parameter = value.get(name)
    if parameter == "" and name != "query":
        return None  # some clients send empty texts, as forms do
    if parameter is not None and not isinstance(parameter, kind):
        raise RequestError(
            f"The parameter {name}{of} has to be {_JSON_TYPES[kind]}, not {_json_type(parameter)}."
        )
    return parameter


def _json_type(value: Any) -> str:
    return _JSON_TYPES[type(value)]
