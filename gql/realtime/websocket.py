"""graphql-transport-ws: many operations over one socket.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from gql.error_formatting import format_expected_error
from gql.errors import CapacityError, GraphError, RequestError
from gql.http import GraphQLRequest, HttpSettings, Result
from gql.http.handler import failure
from gql.http.protocol.json_encoding import decode
from gql.identity.client import client_of
from gql.identity.viewer import Viewer
from gql.logs import get_logger
from gql.schema import Context
from store import StoreError
from store.errors import forget_frames

from .capacity_limiter import Hold
from .connection_rules import with_authorization
from .messages import (
    CloseCode,
    SocketClosed,
    TooSlow,
    complete_message,
    error_message,
    invalid,
    next_message,
    read_id,
    read_message,
    read_payload,
    read_request,
    simple,
    take_idempotency_key,
)
from .service import WEBSOCKET, Service


class Socket:
    """One accepted socket, from its first message to its last."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, service: Service, hold: Hold
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._raw_send = send
        self._service = service
        self._hold = hold
        self._settings = service.settings
        self._http_settings = HttpSettings(max_body_bytes=service.settings.max_message_bytes)
        self._sending = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._acknowledged = asyncio.Event()
        self._initialised = False
        self._permission_key = b""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._writing: set[str] = set()
        self._end: asyncio.Future[SocketClosed] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Converse until either side closes."""
        tasks = [
            asyncio.create_task(self._ends(part()))
            for part in (self._read, self._guard, self._stop)
        ]
        try:
            end = await self._end
        finally:
            tasks += self._running.values()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(end, TooSlow):
            self._service.activity.slow(WEBSOCKET)
        forget_frames(end)
        get_logger().info("websocket_closed", code=end.code and int(end.code), reason=end.reason)
        if end.code is not None:
            await self._close(end.code, end.reason)

    async def _ends(self, part: Awaitable[None]) -> None:
        """Let a part run; however it ends, the conversation does."""
        try:
            await part
        except SocketClosed as end:
            self._over(end)
        except GraphError as error:
            self._over(SocketClosed(CloseCode.FORBIDDEN, f"Forbidden: {error}"))
        except Exception as fault:  # noqa: BLE001  # the last place that can log it
            get_logger().error("websocket_failed", exc_info=fault)
            self._over(SocketClosed(CloseCode.INTERNAL_ERROR, "Internal error"))

    def _over(self, end: SocketClosed) -> None:
        if not self._end.done():
            self._end.set_result(end)

    async def _read(self) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "connection_init": self._initialise,
            "ping": self._ping,
            "pong": self._pong,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }
        while True:
            received = await self._receive()
            if received["type"] == "websocket.disconnect":
                # The server's own code for who answers no ping: see
                # `gql.server.websocket_protocol`.
                is_slow = received.get("code") == CloseCode.TRY_AGAIN_LATER
                raise TooSlow if is_slow else SocketClosed
            text = received.get("text")
            if text is not None and len(text) > self._settings.max_message_bytes:
                raise SocketClosed(CloseCode.TOO_BIG, "The message is too big")
            message = read_message(text)
            handle = handlers.get(message["type"])
            if handle is None:
                raise invalid(f"There is no message type {message['type'][:40]!r}")
            await handle(message)

    async def _guard(self) -> None:
        """Close the socket of who does not begin in time, or has lost the rights it began with."""
        try:
            async with asyncio.timeout(self._settings.init_timeout_s):
                await self._acknowledged.wait()
        except TimeoutError:
            raise SocketClosed(
                CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout"
            ) from None
        while True:
            await asyncio.sleep(self._settings.keep_alive_s)
            if (await self._viewer()).permission_key != self._permission_key:
                raise SocketClosed(CloseCode.FORBIDDEN, "Forbidden: the rights have changed")

    async def _stop(self) -> None:
        await self._service.stopping.wait()
        raise SocketClosed(CloseCode.GOING_AWAY, "The server stops")

    async def _viewer(self) -> Viewer:
        """Who the client is by now. Raises: SocketClosed: it may not even ask."""
        try:
            return (await self._service.make_context(self._scope)).viewer
        except StoreError as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
        except GraphError as error:
            if isinstance(error, RequestError) and error.status >= 500:
                raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
            self._service.count(None, self._scope)  # trying keys is no way round the limit
            raise SocketClosed(CloseCode.FORBIDDEN, f"Forbidden: {error}") from None

    async def _initialise(self, message: dict[str, Any]) -> None:
        if self._initialised:
            raise SocketClosed(
                CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests"
            )
        self._initialised = True
        self._scope = with_authorization(self._scope, read_payload(message))
        viewer = await self._viewer()
        self._permission_key = viewer.permission_key
        try:
            self._hold.settle(client_of(viewer, self._scope))
        except CapacityError as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
        await self._send(simple("connection_ack"))
        self._acknowledged.set()

    async def _ping(self, message: dict[str, Any]) -> None:
        await self._send(simple("pong", read_payload(message)))

    async def _pong(self, message: dict[str, Any]) -> None:
        read_payload(message)

    async def _complete(self, message: dict[str, Any]) -> None:
        """End an operation. What has begun to write is neither torn off nor out of the count."""
        id = read_id(message)
        task = self._running.get(id)
        if task is not None and id not in self._writing:
            task.cancel()
            await asyncio.wait((task,))

    async def _subscribe(self, message: dict[str, Any]) -> None:
        """Begin an operation. The next message is read when a subscription has its place in the
        history, so that a query sent after it shows nothing that it leaves out.
        """
        if not self._acknowledged.is_set():
            raise SocketClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
        id = read_id(message)
        if id in self._running:
            raise SocketClosed(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        request = read_request(message, self._http_settings)
        if len(self._running) >= self._settings.max_per_socket:
            await self._send(error_message(id, [format_expected_error(self._too_many())]))
            return
        begun = asyncio.Event()
        task = asyncio.create_task(self._ends_alone(self._operate(id, request, begun)))
        self._running[id] = task
        task.add_done_callback(lambda task: self._forget(id, task, begun))
        if await self._service.operations.kind(request) is OperationType.SUBSCRIPTION:
            await begun.wait()

    def _too_many(self) -> CapacityError:
        return CapacityError(
            f"At most {self._settings.max_per_socket} operations may run on one "
            "connection. Complete some of them, or open another connection."
        )

    def _forget(self, id: str, task: asyncio.Task[None], begun: asyncio.Event) -> None:
        begun.set()
        self._writing.discard(id)
        if self._running.get(id) is task:
            del self._running[id]

    async def _ends_alone(self, part: Awaitable[None]) -> None:
        """Let an operation run; only if nothing can be sent does its end end the conversation."""
        try:
            await part
        except SocketClosed as end:
            self._over(end)

    async def _operate(self, id: str, request: GraphQLRequest, begun: asyncio.Event) -> None:
        try:
            result = await self._result(id, request, begun)
        except SocketClosed:
            raise
        except Exception as error:  # noqa: BLE001  # masked and logged by `failure`
            result = failure(error)
        if result is not None and not result.has_data:
            await self._send(error_message(id, decode(result.body)["errors"]))
            return
        if result is not None:
            await self._send(next_message(id, result.body))
        await self._send(complete_message(id))

    async def _result(
        self, id: str, request: GraphQLRequest, begun: asyncio.Event
    ) -> Result | None:
        """The one answer of an operation; None for one whose many answers were sent."""
        context = await self._service.make_context(self._scope)
        request, context.idempotency_key = take_idempotency_key(request)
        self._service.count(context.viewer, self._scope)
        kind = await self._service.operations.kind(request)
        if kind is OperationType.MUTATION:
            self._writing.add(id)
            return await asyncio.shield(self._service.operations.execute(request, context))
        if kind is not OperationType.SUBSCRIPTION:
            return await self._service.operations.execute(request, context)
        with self._service.subscribing(request, client_of(context.viewer, self._scope)):
            return await self._follow(id, request, context, begun)

    async def _follow(
        self, id: str, request: GraphQLRequest, context: Context, begun: asyncio.Event
    ) -> Result | None:
        """Send the answers of a subscription; a result where it cannot begin."""
        answers = await self._service.operations.subscribe(request, context, self._turn)
        if isinstance(answers, Result):
            return answers
        begun.set()
        activity = self._service.activity
        async with aclosing(answers):
            with activity.subscription(WEBSOCKET):
                async for answer in answers:
                    await self._send(next_message(id, answer.body))
                    activity.event(WEBSOCKET)
        return None

    async def _send(self, text: str) -> None:
        """Send a message. Raises: SocketClosed: the client does not take it, or is gone."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._sending:
                await self._raw_send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise TooSlow from None
        except (OSError, RuntimeError):  # servers tell in either way that the socket is closed
            raise SocketClosed from None

    async def _close(self, code: CloseCode, reason: str) -> None:
        """Say why, if the client listens within the time it has for any message."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await self._raw_send(
                    {"type": "websocket.close", "code": int(code), "reason": reason}
                )
        except (TimeoutError, OSError, RuntimeError):
            pass  # the server behind us drops the connection when this returns
