"""GraphQL over server-sent events, in distinct connections mode: a request, a stream of answers.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing, suppress

from graphql import OperationType
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.errors import PermissionsChangedError, RequestError
from gql.http import GraphQLRequest, HttpRequest, HttpSettings, Result
from gql.http.asgi.graphql_app import ClientDisconnectedError, headers_of, read_body
from gql.http.handler import failure
from gql.http.protocol.media_types import MediaType, quality_of
from gql.http.protocol.messages import read_get, read_post, respond
from gql.identity.client import client_of
from gql.schema import Context

from .connection_rules import unidentified
from .operations import Answers
from .service import SSE, Service

EVENT_STREAM = "text/event-stream"
KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
_HEADERS = [
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept"),
    (b"x-accel-buffering", b"no"),  # proxies that gather answers would hold events back
]


class EventStreams:
    """Answers requests that want an event stream; hands all others to `behind`."""

    def __init__(self, behind: ASGIApp, service: Service) -> None:
        self._behind = behind
        self._service = service
        self._http_settings = HttpSettings(max_body_bytes=service.settings.max_message_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        accept = ",".join(v.decode("latin-1") for k, v in scope["headers"] if k == b"accept")
        if EVENT_STREAM not in accept.lower() or scope["method"] not in ("GET", "POST"):
            await self._behind(scope, receive, send)
            return
        headers = headers_of(scope["headers"])
        try:
            body = await self._body(scope, headers, receive)
        except ClientDisconnectedError:
            return
        except RequestError as error:
            await _respond(failure(error), send)
            return
        request = self._read(scope, headers, body)
        if not await self._wants_stream(request, accept):
            await self._behind(scope, _replaying(body, receive), send)
        elif isinstance(request, RequestError):
            await _respond(failure(request), send)
        else:
            await self._answer(request, scope, receive, send)

    async def _body(self, scope: Scope, headers: dict[bytes, str], receive: Receive) -> bytes:
        if scope["method"] == "GET":
            return b""
        return await read_body(headers, receive, self._http_settings.max_body_bytes)

    def _read(
        self, scope: Scope, headers: dict[bytes, str], body: bytes
    ) -> GraphQLRequest | RequestError:
        """What is asked, or why that cannot be told."""
        try:
            if scope["method"] == "GET":
                return read_get(scope["query_string"], self._http_settings)
            request = HttpRequest(
                method="POST",
                content_type=headers.get(b"content-type", ""),
                content_encoding=headers.get(b"content-encoding", ""),
                body=body,
            )
            found = read_post(request, self._http_settings)
        except RequestError as error:
            return error
        assert isinstance(found, GraphQLRequest), "batches are off"  # noqa: S101
        return found

    async def _wants_stream(self, request: GraphQLRequest | RequestError, accept: str) -> bool:
        """Whether a stream is what the client likes best, or the only way to answer it.

        Some clients name every media type for every operation: they get one answer as JSON.
        """
        stream = quality_of(EVENT_STREAM, accept)[0]
        if stream > max(quality_of(media_type, accept)[0] for media_type in MediaType):
            return True
        subscribes = (
            isinstance(request, GraphQLRequest)
            and await self._service.operations.kind(request) is OperationType.SUBSCRIPTION
        )
        return stream > 0 and subscribes

    async def _answer(
        self, request: GraphQLRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Begin the operation; if it has, what follows is a stream, even one of errors."""
        with ExitStack() as held:
            try:
                context = await self._service.make_context(scope)
                if await self._service.operations.kind(request) is OperationType.SUBSCRIPTION:
                    client = client_of(context.viewer, scope)
                    held.enter_context(self._service.subscribing(request, client))
                answers = await self._begin(request, scope, context)
            except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
                await _respond(failure(error), send)
                return
            if isinstance(answers, Result) and answers.status is not None:
                await _respond(answers, send)
                return
            stream = EventStream(send, self._service)
            await stream.run(receive, answers, lambda: self._recheck(scope))

    async def _begin(
        self, request: GraphQLRequest, scope: Scope, context: Context
    ) -> Answers | Result:
        if await self._service.operations.kind(request) is not OperationType.SUBSCRIPTION:
            read_only = scope["method"] == "GET"
            return await self._service.operations.execute(request, context, read_only=read_only)
        last_event_id = headers_of(scope["headers"]).get(b"last-event-id")
        context.resume_after = last_event_id or None
        return await self._service.operations.subscribe(request, context, asyncio.Lock())

    async def _recheck(self, scope: Scope) -> bytes:
        """What the sender of a request may see by now. Raises: GraphError."""
        return (await self._service.make_context(unidentified(scope))).viewer.permission_key


class EventStream:
    """One response that goes on until its operation, its client, its rights or the server end."""

    def __init__(self, send: Send, service: Service) -> None:
        self._raw_send = send
        self._settings = service.settings
        self._stopping = service.stopping
        self._activity = service.activity
        self._sending = asyncio.Lock()
        self._is_slow = False

    async def run(
        self, receive: Receive, answers: Answers | Result, rights: Callable[[], Awaitable[bytes]]
    ) -> None:
        """Send the answers until the first of all ends comes, then what is to be said at it."""
        await self._raw_send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        ends = [self._pump(answers), self._gone(receive), self._keep(rights), self._stop()]
        tasks = [asyncio.create_task(end) for end in ends]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._is_slow:
            self._activity.slow(SSE)
        farewell = ended.pop().result()
        if farewell is not None:
            with suppress(TimeoutError, OSError, RuntimeError):  # it is gone, or does not listen
                await self._send(farewell, more_body=False)

    async def _pump(self, answers: Answers | Result) -> bytes | None:
        """Send every answer. A stream cannot say "too slow" to who does not read it: it ends."""
        if isinstance(answers, Result):
            return next_event(answers.body) + COMPLETE
        try:
            async with aclosing(answers):
                with self._activity.subscription(SSE):
                    async for answer in answers:
                        await self._send(next_event(answer.body, answer.cursor))
                        self._activity.event(SSE)
        except (TimeoutError, OSError, RuntimeError):
            return None
        except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
            return next_event(failure(error).body) + COMPLETE
        return COMPLETE

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _keep(self, rights: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """Keep the connection alive for as long as the client keeps the rights it came with."""
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
            return next_event(failure(error).body) + COMPLETE

    async def _stop(self) -> bytes:
        """At the server's end the stream ends without `complete`, so that clients come again."""
        await self._stopping.wait()
        return b""

    async def _send(self, body: bytes, *, more_body: bool = True) -> None:
        """Send a part. Raises: TimeoutError: the client does not take it."""
        part = {"type": "http.response.body", "body": body, "more_body": more_body}
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._sending:
                await self._raw_send(part)
        except TimeoutError:
            self._is_slow = True
            raise


def next_event(body: bytes, cursor: str | None = None) -> bytes:
    """An answer as an event; JSON has no line breaks here. Its id is where to go on after it."""
    head = b"" if cursor is None else b"id: %s\n" % cursor.encode()
    return head + b"event: next\ndata: %s\n\n" % body


async def _respond(result: Result, send: Send) -> None:
    """Answer without a stream: the request itself is refused."""
    response = respond(result, MediaType.JSON)
    head = {"status": response.status, "headers": list(response.headers)}
    await send({"type": "http.response.start", **head})
    await send({"type": "http.response.body", "body": response.body})


def _replaying(body: bytes, receive: Receive) -> Receive:
    """A receive that first gives the body that was read already."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
