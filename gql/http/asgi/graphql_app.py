"""The ASGI side: reads a bounded body, lets the handler answer, sends the answer.

https://asgi.readthedocs.io/en/stable/specs/www.html
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gql.errors import PayloadTooLargeError
from gql.http.execution.executor_interface import Executor
from gql.http.handler import GraphQLHandler, failure
from gql.http.protocol.media_types import MediaType, negotiate, prefers_html
from gql.http.protocol.messages import HttpRequest, HttpResponse, HttpSettings, respond

ContextFactory = Callable[[Scope], Awaitable[Any] | Any]
"""Makes the context of a request from its scope; plain or async."""


class RequestSummary(msgspec.Struct, frozen=True):
    """What an access log wants to know; `scope["state"]["graphql"]` after the response is made."""

    operation_name: str | None
    error_codes: tuple[str, ...] = ()


class ClientDisconnectedError(Exception):
    """The client went away while it was sending its request."""


class GraphQLApp:
    """GraphQL over HTTP as an ASGI application, for one path.

    `page`, where given, answers browsers that come without a query.
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
        """Answer one HTTP request."""
        headers = headers_of(scope["headers"])
        if self.page is not None and _asks_for_page(scope, headers):
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
        head = {"status": response.status, "headers": list(response.headers)}
        await send({"type": "http.response.start", **head})
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
            except PayloadTooLargeError as error:
                return respond(failure(error), negotiate(accept) or MediaType.JSON)
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
    """The whole body, never holding more than the limit and one chunk.

    Content-Length only serves to refuse early; what comes is counted, whatever was announced.
    Raises: PayloadTooLargeError. ClientDisconnectedError.
    """
    length = headers.get(b"content-length", "")
    too_large = PayloadTooLargeError(f"The body exceeds {limit_bytes} bytes. Send less at once.")
    # Leading zeros apart, a longer number is a larger one; int() would refuse very long ones.
    if length.isdecimal() and (len(length) > 20 or int(length) > limit_bytes):
        raise too_large
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


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Headers by name in lower case; repeated ones are joined, which HTTP says means the same."""
    headers: dict[bytes, str] = {}
    for name, value in raw:
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _asks_for_page(scope: Scope, headers: dict[bytes, str]) -> bool:
    if scope["method"] not in ("GET", "HEAD") or not prefers_html(headers.get(b"accept", "")):
        return False
    return "query" not in parse_qs(scope["query_string"].decode("latin-1"))
