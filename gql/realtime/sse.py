"""GraphQL over server-sent events, in distinct connections mode: one request, one stream of
results.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing, suppress

from graphql import OperationType
from starlette.types import ASGIApp, Receive, Scope, Send

from gql.cache_control import NO_STORE, VARY
from gql.errors import PermissionsChangedError, RequestError
from gql.http import GraphQLRequest, HttpRequest, Result
from gql.http.asgi.graphql_app import ClientDisconnectedError, join_headers, read_body
from gql.http.asgi.message_replay import body_messages, replay_receive
from gql.http.handler import failure_result
from gql.http.protocol.media_types import EVENT_STREAM, MediaType, accept_header, quality_of
from gql.http.protocol.request_parser import parse_get, parse_post
from gql.http.protocol.response_builder import build_response
from gql.identity.client import client_of
from gql.identity.viewer import PUBLIC
from gql.schema import Context

from .connection_rules import without_viewer
from .operations import ResultStream
from .service import SSE, RealtimeService

KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    *NO_STORE,
    VARY,
    (b"x-accel-buffering", b"no"),  # nginx would buffer the events
]


class EventStreams:
    """The application for requests that accept an event stream; others go to `next_app`."""

    def __init__(self, next_app: ASGIApp, service: RealtimeService) -> None:
        self._next_app = next_app
        self._service = service
        self._http_settings = service.settings.http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        accept = accept_header(scope)
        if EVENT_STREAM not in accept.lower() or scope["method"] not in ("GET", "POST"):
            await self._next_app(scope, receive, send)
            return
        headers = join_headers(scope["headers"])
        try:
            body = await self._body(scope, headers, receive)
        except ClientDisconnectedError:
            return
        except RequestError as error:
            await _respond(failure_result(error), send)
            return
        request = self._read(scope, headers, body)
        if not await self._wants_stream(request, accept):
            await self._next_app(scope, replay_receive(body_messages(body), receive), send)
        elif isinstance(request, RequestError):
            await _respond(failure_result(request), send)
        else:
            await self._answer(request, scope, receive, send)

    async def _body(self, scope: Scope, headers: dict[bytes, str], receive: Receive) -> bytes:
        if scope["method"] == "GET":
            return b""
        return await read_body(headers, receive, self._http_settings.max_body_bytes)

    def _read(
        self, scope: Scope, headers: dict[bytes, str], body: bytes
    ) -> GraphQLRequest | RequestError:
        """The GraphQL request, or the error in it.

        Whether the viewer may send its document is checked here, before the document is parsed.
        """
        settings = self._http_settings
        try:
            if scope["method"] == "GET":
                read = parse_get(scope["query_string"], settings)
            else:
                read = self._parse_post(headers, body)
            settings.documents.check(read.query, scope.get("state", {}).get("viewer", PUBLIC))
        except RequestError as error:
            return error
        return read

    def _parse_post(self, headers: dict[bytes, str], body: bytes) -> GraphQLRequest:
        request = HttpRequest(
            method="POST",
            content_type=headers.get(b"content-type", ""),
            content_encoding=headers.get(b"content-encoding", ""),
            body=body,
        )
        read = parse_post(request, self._http_settings)
        assert isinstance(read, GraphQLRequest), "batches are off"  # noqa: S101
        return read

    async def _wants_stream(self, request: GraphQLRequest | RequestError, accept: str) -> bool:
        """Whether the client prefers a stream, or accepts one and sends a subscription.

        Some clients accept every media type for every operation: they get JSON.
        """
        stream = quality_of(EVENT_STREAM, accept)[0]
        if stream > max(quality_of(media_type, accept)[0] for media_type in MediaType):
            return True
        is_subscription = (
            isinstance(request, GraphQLRequest)
            and await self._service.operations.kind(request) is OperationType.SUBSCRIPTION
        )
        return stream > 0 and is_subscription

    async def _answer(
        self, request: GraphQLRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Start the operation. From then on the response is a stream, also if it fails."""
        with ExitStack() as reservations:
            try:
                context = await self._service.make_context(scope)
                if await self._service.operations.kind(request) is OperationType.SUBSCRIPTION:
                    client = client_of(context.viewer, scope)
                    reservations.enter_context(self._service.reserve_subscription(request, client))
                results = await self._begin(request, scope, context)
            except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
                await _respond(failure_result(error), send)
                return
            if isinstance(results, Result) and results.status is not None:
                await _respond(results, send)
                return
            stream = EventStream(send, self._service)
            await stream.run(receive, results, context.start_cursor, lambda: self._recheck(scope))

    async def _begin(
        self, request: GraphQLRequest, scope: Scope, context: Context
    ) -> ResultStream | Result:
        if await self._service.operations.kind(request) is not OperationType.SUBSCRIPTION:
            read_only = scope["method"] == "GET"
            return await self._service.operations.execute(request, context, read_only=read_only)
        last_event_id = join_headers(scope["headers"]).get(b"last-event-id")
        context.resume_after = last_event_id or None
        return await self._service.operations.subscribe(request, context, asyncio.Lock())

    async def _recheck(self, scope: Scope) -> bytes:
        """The present rights of the viewer, authenticated again. Raises: GraphError."""
        return (await self._service.make_context(without_viewer(scope))).viewer.permission_key


class EventStream:
    """One response: it ends with its operation, its client, its rights or the server."""

    def __init__(self, send: Send, service: RealtimeService) -> None:
        self._raw_send = send
        self._settings = service.settings
        self._stopping = service.stopping
        self._observer = service.observer
        self._sending = asyncio.Lock()
        self._is_slow = False

    async def run(
        self,
        receive: Receive,
        results: ResultStream | Result,
        start_cursor: str | None,
        rights: Callable[[], Awaitable[bytes]],
    ) -> None:
        """Send results until the first reason to end, then its last event.

        `start_cursor`: see `Context`.
        """
        await self._raw_send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        ends = [
            self._send_results(results, start_cursor),
            self._wait_for_disconnect(receive),
            self._keep_alive(rights),
            self._wait_for_stop(),
        ]
        tasks = [asyncio.create_task(end) for end in ends]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_slow:
            self._observer.count_slow_client(SSE)
        last_event = ended.pop().result()
        if last_event is not None:
            with suppress(
                TimeoutError, OSError, RuntimeError
            ):  # the client is gone, or does not read
                await self._send(last_event, more_body=False)

    async def _send_results(
        self, results: ResultStream | Result, start_cursor: str | None
    ) -> bytes | None:
        """Send all results. A client that does not read gets no reason: the stream just ends."""
        if isinstance(results, Result):
            return next_event(results.body) + COMPLETE
        try:
            async with aclosing(results):
                with self._observer.track_subscription(SSE):
                    if start_cursor is not None:
                        await self._send(b"id: %s\n\n" % start_cursor.encode())
                    async for result in results:
                        await self._send(next_event(result.body, result.cursor))
                        self._observer.count_event(SSE)
        except (TimeoutError, OSError, RuntimeError):
            return None
        except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
            return next_event(failure_result(error).body) + COMPLETE
        return COMPLETE

    async def _wait_for_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _keep_alive(self, rights: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """Send keep-alive comments, and end the stream when the viewer's rights change."""
        try:
            first = await rights()
            while True:
                await asyncio.sleep(self._settings.keep_alive_s)
                if await rights() != first:
                    raise PermissionsChangedError("Your rights have changed. Subscribe again.")
                await self._send(KEEP_ALIVE)
        except (TimeoutError, OSError, RuntimeError):
            return None
        except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
            return next_event(failure_result(error).body) + COMPLETE

    async def _wait_for_stop(self) -> bytes:
        """Wait for the shutdown. The stream then ends without `complete`, so that clients
        reconnect.
        """
        await self._stopping.wait()
        return b""

    async def _send(self, body: bytes, *, more_body: bool = True) -> None:
        """Send a part. Raises: TimeoutError: the client does not read it."""
        part = {"type": "http.response.body", "body": body, "more_body": more_body}
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._sending:
                await self._raw_send(part)
        except TimeoutError:
            self._is_slow = True
            raise


def next_event(body: bytes, cursor: str | None = None) -> bytes:
    """A result as an event, with its cursor as id. The JSON has no line breaks."""
    head = b"" if cursor is None else b"id: %s\n" % cursor.encode()
    return head + b"event: next\ndata: %s\n\n" % body


async def _respond(result: Result, send: Send) -> None:
    """Send a response that is no stream."""
    response = build_response(result, MediaType.JSON)
    head = {"status": response.status, "headers": list(response.headers)}
    await send({"type": "http.response.start", **head})
    await send({"type": "http.response.body", "body": response.body})
