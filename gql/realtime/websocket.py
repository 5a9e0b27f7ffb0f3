"""The graphql-transport-ws protocol: many operations over one WebSocket.

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
from gql.http import GraphQLRequest, Result
from gql.http.handler import failure_result
from gql.http.protocol.json_encoding import decode
from gql.identity.client import client_of
from gql.identity.viewer import Viewer
from gql.logs import get_logger
from gql.schema import Context
from store import StoreError
from store.errors import clear_tracebacks

from .capacity_limiter import Reservation
from .connection_credentials import with_authorization
from .messages import (
    CloseCode,
    SocketClosed,
    TooSlow,
    complete_message,
    connection_message,
    error_message,
    invalid,
    next_message,
    read_id,
    read_message,
    read_payload,
    read_request,
    take_idempotency_key,
)
from .service import WEBSOCKET, RealtimeService


class WebSocketConnection:
    """One accepted WebSocket and its operations."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        service: RealtimeService,
        reservation: Reservation,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._raw_send = send
        self._service = service
        self._reservation = reservation
        self._settings = service.settings
        self._http_settings = service.settings.http
        self._send_lock = asyncio.Lock()
        self._delivery_lock = asyncio.Lock()
        self._acknowledged = asyncio.Event()
        self._initialised = False
        self._permission_key = b""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._mutations: set[str] = set()
        self._closed: asyncio.Future[SocketClosed] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve the socket until either side closes it."""
        tasks = [
            asyncio.create_task(self._close_after(task()))
            for task in (self._read, self._watch_authentication, self._wait_for_stop)
        ]
        try:
            end = await self._closed
        finally:
            tasks += self._running.values()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(end, TooSlow):
            self._service.observer.count_slow_client(WEBSOCKET)
        clear_tracebacks(end)
        get_logger().info("websocket_closed", code=end.code and int(end.code), reason=end.reason)
        if end.code is not None:
            await self._close(end.code, end.reason)

    async def _close_after(self, task: Awaitable[None]) -> None:
        """Run a task of the connection; the connection is closed when it fails."""
        try:
            await task
        except SocketClosed as end:
            self._finish(end)
        except GraphError as error:
            self._finish(SocketClosed(CloseCode.FORBIDDEN, f"Forbidden: {error}"))
        except Exception as fault:  # noqa: BLE001  # nothing above logs it
            get_logger().error("websocket_failed", exc_info=fault)
            self._finish(SocketClosed(CloseCode.INTERNAL_ERROR, "Internal error"))

    def _finish(self, end: SocketClosed) -> None:
        if not self._closed.done():
            self._closed.set_result(end)

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
                # The server closes with this code when no pong comes: see
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

    async def _watch_authentication(self) -> None:
        """Close the socket if no connection_init comes in time, or the viewer's rights change."""
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

    async def _wait_for_stop(self) -> None:
        await self._service.stopping.wait()
        raise SocketClosed(CloseCode.GOING_AWAY, "The server stops")

    async def _viewer(self) -> Viewer:
        """The current viewer, authenticated anew. Raises: SocketClosed: authentication failed."""
        try:
            return (await self._service.make_context(self._scope)).viewer
        except StoreError as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
        except GraphError as error:
            if isinstance(error, RequestError) and error.status >= 500:
                raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
            self._service.count(None, self._scope)  # guessing keys counts against the rate limit
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
            self._reservation.transfer(client_of(viewer, self._scope))
        except CapacityError as error:
            raise SocketClosed(CloseCode.TRY_AGAIN_LATER, str(error)) from None
        await self._send(connection_message("connection_ack"))
        self._acknowledged.set()

    async def _ping(self, message: dict[str, Any]) -> None:
        await self._send(connection_message("pong", read_payload(message)))

    async def _pong(self, message: dict[str, Any]) -> None:
        read_payload(message)

    async def _complete(self, message: dict[str, Any]) -> None:
        """Cancel an operation. A mutation runs to its end, and counts as running until then."""
        id = read_id(message)
        task = self._running.get(id)
        if task is not None and id not in self._mutations:
            task.cancel()
            await asyncio.wait((task,))

    async def _subscribe(self, message: dict[str, Any]) -> None:
        """Start an operation.

        The next message is read once a subscription has its position in the history. So a query
        after it in the same socket shows no change that the subscription misses.
        """
        if not self._acknowledged.is_set():
            raise SocketClosed(CloseCode.UNAUTHORIZED, "Unauthorized")
        id = read_id(message)
        if id in self._running:
            raise SocketClosed(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {id} already exists")
        try:
            request = await self._read_request(message)
        except RequestError as error:
            await self._refuse(id, error)
            return
        if len(self._running) >= self._settings.max_per_socket:
            await self._send(error_message(id, [format_expected_error(self._too_many())]))
            return
        started = asyncio.Event()
        task = asyncio.create_task(self._run_isolated(self._run_operation(id, request, started)))
        self._running[id] = task
        task.add_done_callback(lambda task: self._operation_done(id, task, started))
        if await self._service.operations.kind(request) is OperationType.SUBSCRIPTION:
            await started.wait()

    async def _read_request(self, message: dict[str, Any]) -> GraphQLRequest:
        """The operation of a subscribe message, if the viewer may send its document.

        Raises: SocketClosed: it is malformed. PersistedDocumentError. UntrustedDocumentError.
        """
        request = read_request(message, self._http_settings)
        documents = self._http_settings.documents
        if not documents.is_open(request.query):
            documents.check(request.query, await self._viewer())
        return request

    async def _refuse(self, id: str, error: RequestError) -> None:
        """Send the error of an operation that is not started. It counts for the rate limit, too."""
        try:
            self._service.count(await self._viewer(), self._scope)
        except RequestError as limited:
            error = limited
        await self._send(error_message(id, [format_expected_error(error)]))

    def _too_many(self) -> CapacityError:
        return CapacityError(
            f"At most {self._settings.max_per_socket} operations may run on one "
            "connection. Complete some of them, or open another connection."
        )

    def _operation_done(self, id: str, task: asyncio.Task[None], started: asyncio.Event) -> None:
        started.set()
        self._mutations.discard(id)
        if self._running.get(id) is task:
            del self._running[id]

    async def _run_isolated(self, operation: Awaitable[None]) -> None:
        """Run an operation; only a failed send closes the connection."""
        try:
            await operation
        except SocketClosed as end:
            self._finish(end)

    async def _run_operation(
        self, id: str, request: GraphQLRequest, started: asyncio.Event
    ) -> None:
        try:
            result = await self._result(id, request, started)
        except SocketClosed:
            raise
        except Exception as error:  # noqa: BLE001  # masked and logged by `failure_result`
            result = failure_result(error)
        if result is not None and not result.has_data:
            await self._send(error_message(id, decode(result.body)["errors"]))
            return
        if result is not None:
            await self._send(next_message(id, result.body))
        await self._send(complete_message(id))

    async def _result(
        self, id: str, request: GraphQLRequest, started: asyncio.Event
    ) -> Result | None:
        """The result of an operation; None for a subscription, whose results were sent."""
        context = await self._service.make_context(self._scope)
        request, context.idempotency_key = take_idempotency_key(request)
        self._service.count(context.viewer, self._scope)
        kind = await self._service.operations.kind(request)
        if kind is OperationType.MUTATION:
            self._mutations.add(id)
            return await asyncio.shield(self._service.operations.execute(request, context))
        if kind is not OperationType.SUBSCRIPTION:
            return await self._service.operations.execute(request, context)
        with self._service.reserve_subscription(request, client_of(context.viewer, self._scope)):
            return await self._send_results(id, request, context, started)

    async def _send_results(
        self, id: str, request: GraphQLRequest, context: Context, started: asyncio.Event
    ) -> Result | None:
        """Send the results of a subscription; a result with errors if it cannot start."""
        results = await self._service.operations.subscribe(request, context, self._delivery_lock)
        if isinstance(results, Result):
            return results
        started.set()
        observer = self._service.observer
        async with aclosing(results):
            with observer.track_subscription(WEBSOCKET):
                async for streamed in results:
                    await self._send(next_message(id, streamed.body))
                    observer.count_event(WEBSOCKET)
        return None

    async def _send(self, text: str) -> None:
        """Send a message. Raises: SocketClosed: the client does not read it, or is gone."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._send_lock:
                await self._raw_send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise TooSlow from None
        except (OSError, RuntimeError):  # servers raise either for a closed socket
            raise SocketClosed from None

    async def _close(self, code: CloseCode, reason: str) -> None:
        """Close the socket with a reason, if the client reads it in time."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await self._raw_send(
                    {"type": "websocket.close", "code": int(code), "reason": reason}
                )
        except (TimeoutError, OSError, RuntimeError):
            pass  # the server drops the connection when this returns
