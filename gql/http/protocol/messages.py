"""The values of GraphQL over HTTP: requests, results and responses. No framework.

https://graphql.github.io/graphql-over-http/draft/
"""

from __future__ import annotations

from typing import Any

import msgspec

from gql.errors import Headers
from gql.http.persisted.persisted_documents import PersistedDocuments
from gql.http.request_memo import RequestMemo

ALLOWED_METHODS = "GET, HEAD, POST, OPTIONS"


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a request.

    Attributes:
        max_body_bytes: The largest body.
        max_json_depth: The deepest nesting of variables and of extensions.
        max_json_values: The most values in variables and in extensions; an object counts as ten.
            Coercing that many takes as long as other requests may have to wait.
        batching: Whether batches are enabled.
        max_batch_size: The most operations of a batch.
        documents: The documents that requests can name by an id, and who may send others.
    """

    max_body_bytes: int = 1 << 20
    max_json_depth: int = 32
    max_json_values: int = 5_000
    batching: bool = False
    max_batch_size: int = 10
    documents: PersistedDocuments = PersistedDocuments()


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
        is_new: Whether the client asks to register the document, which is not registered yet.
        memo: The memo of the executors for this request.
    """

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    is_new: bool = False
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
