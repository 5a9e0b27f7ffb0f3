"""The ASGI adapter: reads a bounded body, calls the handler, sends the response.

https://asgi.readthedocs.io/en/stable/specs/www.html
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gql.errors import PayloadTooLargeError, RequestError
from gql.http.execution.executor_interface import Executor
from gql.http.handler import GraphQLHandler, failure_result
from gql.http.protocol.document_parameters import ID_PARAMETERS
from gql.http.protocol.media_types import MediaType, negotiate, prefers_html
from gql.http.protocol.messages import HttpRequest, HttpResponse, HttpSettings
from gql.http.protocol.request_parser import check_content_type
from gql.http.protocol.response_builder import build_response

EXPECT = b"expect"
"""The header of a client that waits for `100 Continue` before it sends the body."""

_DOCUMENT_PARAMETERS = frozenset(("query", "extensions", *ID_PARAMETERS))
"""A browser that sends one of these wants the result, not the page."""

ContextFactory = Callable[[Scope], Awaitable[Any] | Any]
"""Makes the context of a request from its scope; plain or async."""


class RequestSummary(msgspec.Struct, frozen=True):
    """The summary of a request for telemetry, in `scope["state"]["graphql"]` after the response.

    Attributes:
        operation_name: The name of the operation.
        error_codes: The codes of the errors in the response.
    """

    operation_name: str | None
    error_codes: tuple[str, ...] = ()


class ClientDisconnectedError(Exception):
    """The client disconnected before its request was complete."""


class GraphQLApp:
    """GraphQL over HTTP as an ASGI application, for one path.

    Attributes:
        settings: The limits of requests.
        handler: The handler of requests.
        context_factory: Makes the context of a request.
        page: The page for browsers that send no query; None for no page.
    """

    def __init__(
        self,
        execute: Executor,
        *,
        context_factory: ContextFactory,
        settings: HttpSettings | None = None,
        page: ASGIApp | None = None,
    ) -> None:
        self.settings = settings or HttpSettings()
        self.handler = GraphQLHandler(execute, self.settings)
        self.context_factory = context_factory
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one HTTP request."""
        headers = join_headers(scope["headers"])
        if self.page is not None and _requests_page(scope, headers):
            await self.page(scope, receive, send)
            return
        try:
            response = await self._respond(scope, headers, receive)
        except ClientDisconnectedError:
            return
        scope.setdefault("state", {})["graphql"] = RequestSummary(
            operation_name=response.operation_name,
            error_codes=response.error_codes,
        )
        start = {"status": response.status, "headers": list(response.headers)}
        await send({"type": "http.response.start", **start})
        body = b"" if scope["method"] == "HEAD" else response.body
        await send({"type": "http.response.body", "body": body})

    async def _respond(
        self, scope: Scope, headers: dict[bytes, str], receive: Receive
    ) -> HttpResponse:
        accept = headers.get(b"accept", "")
        body = b""
        if scope["method"] == "POST":
            try:
                body = await read_body(headers, receive, self.settings.max_body_bytes)
            except RequestError as error:
                return build_response(failure_result(error), negotiate(accept) or MediaType.JSON)
        request = HttpRequest(
            method=scope["method"],
            query_string=scope["query_string"],
            accept=accept,
            content_type=headers.get(b"content-type", ""),
            content_encoding=headers.get(b"content-encoding", ""),
            body=body,
        )
        return await self.handler(request, lambda: self._context(scope))

    async def _context(self, scope: Scope) -> Any:
        context = self.context_factory(scope)
        return await context if inspect.isawaitable(context) else context


async def read_body(headers: dict[bytes, str], receive: Receive, limit_bytes: int) -> bytes:
    """Read the whole body; holds at most the limit and one chunk.

    A Content-Length over the limit is refused early; the bytes are counted in any case. A client
    that waits before it sends the body (`Expect: 100-continue`) is refused for its type, too.

    Raises: PayloadTooLargeError. UnsupportedMediaTypeError. ClientDisconnectedError.
    """
    too_large = PayloadTooLargeError(f"The body exceeds {limit_bytes} bytes. Send less at once.")
    try:
        if EXPECT in headers:
            encoding = headers.get(b"content-encoding", "")
            check_content_type(headers.get(b"content-type", ""), encoding)
        length = headers.get(b"content-length", "")
        # A number of more than 20 digits is over any limit, and int() would refuse a very long one.
        if length.isdecimal() and (len(length) > 20 or int(length) > limit_bytes):
            raise too_large
    except RequestError as error:
        if EXPECT in headers:  # whether the body follows is not defined
            error.headers = (*error.headers, (b"connection", b"close"))
        raise
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def join_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Header fields by name in lower case; repeated ones are joined by commas, as HTTP allows."""
    headers: dict[bytes, str] = {}
    for name, value in raw:
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _requests_page(scope: Scope, headers: dict[bytes, str]) -> bool:
    if scope["method"] not in ("GET", "HEAD") or not prefers_html(headers.get(b"accept", "")):
        return False
    return _DOCUMENT_PARAMETERS.isdisjoint(parse_qs(scope["query_string"].decode("latin-1")))
