"""The realtime endpoints: WebSocket, server-sent events, and their shutdown."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from gql.errors import CapacityError
from gql.http.handler import failure_result
from gql.http.protocol.media_types import MediaType
from gql.http.protocol.response_builder import build_response
from gql.identity.client import client_of

from .capacity_limiter import CapacityLimiter, Reservation
from .connection_rules import CountRequest, MakeContext, RealtimeSettings, origin_allowed
from .messages import SUBPROTOCOL, CloseCode
from .operations import Operations
from .service import RealtimeService, StreamObserver
from .sse import EventStreams
from .websocket import WebSocketConnection

TOTAL_COST_FACTOR = 10
"""The cost limit of all subscriptions together, as a multiple of one client's.

That of one client is the cost limit of a request.
"""


class Realtime:
    """Subscriptions over both transports, with common limits."""

    def __init__(
        self,
        operations: Operations,
        make_context: MakeContext,
        count: CountRequest,
        observer: StreamObserver,
        settings: RealtimeSettings,
    ) -> None:
        self._sockets = CapacityLimiter(
            "websockets",
            "WebSockets",
            settings.max_websockets,
            settings.max_per_client,
            observer.count_refusal,
        )
        self._service = RealtimeService(
            operations=operations,
            make_context=make_context,
            count=count,
            observer=observer,
            subscriptions=CapacityLimiter(
                "subscriptions",
                "subscriptions",
                settings.max_subscriptions,
                settings.max_per_client,
                observer.count_refusal,
            ),
            costs=CapacityLimiter(
                "subscription_costs",
                "units of cost in subscriptions",
                operations.max_cost * TOTAL_COST_FACTOR,
                operations.max_cost,
                observer.count_refusal,
            ),
            settings=settings,
            stopping=asyncio.Event(),
        )

    def event_streams(self, next_app: ASGIApp) -> EventStreams:
        """The application for event streams; all other requests go to `next_app`."""
        return EventStreams(next_app, self._service)

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        await receive()  # websocket.connect
        if (
            not origin_allowed(scope, self._service.settings.origins)
            or self._service.stopping.is_set()
        ):
            await send({"type": "websocket.close"})  # before it is accepted: HTTP 403
            return
        try:
            client = client_of(None, scope)
            with (
                self._sockets.reserve(client, is_unidentified=True) as reservation,
                self._service.observer.track_websocket(),
            ):
                await self._serve(scope, receive, send, reservation)
        except CapacityError as error:
            await _deny(error, send)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, reservation: Reservation
    ) -> None:
        if SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            code, reason = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable"
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        await WebSocketConnection(scope, receive, send, self._service, reservation).run()

    @property
    def connections(self) -> int:
        """The number of open WebSockets and subscriptions."""
        return self._sockets.in_use + self._service.subscriptions.in_use

    def stop(self) -> None:
        """End all connections, so that the server's shutdown need not wait for them."""
        self._service.stopping.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Accept connections until the block ends or a signal stops the process."""
        self._service.stopping.clear()
        try:
            with _on_signals(self.stop):
                yield
        finally:
            self.stop()


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGINT and SIGTERM, before the present signal handlers.

    Servers shut an application down when all its requests are done, which streams never are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal arrives here
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _deny(error: CapacityError, send: Send) -> None:
    """Refuse a handshake with an HTTP response."""
    response = build_response(failure_result(error), MediaType.JSON)
    head = {"status": response.status, "headers": list(response.headers)}
    await send({"type": "websocket.http.response.start", **head})
    await send({"type": "websocket.http.response.body", "body": response.body})
