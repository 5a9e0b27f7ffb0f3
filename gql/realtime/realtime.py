"""What the application needs of subscriptions: a WebSocket side, an event stream side, an end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.types import ASGIApp, Receive, Scope, Send

from gql.errors import CapacityError
from gql.http.handler import failure
from gql.http.protocol.media_types import MediaType
from gql.http.protocol.messages import respond
from gql.identity.client import client_of

from .capacity_limiter import Capacity, Hold
from .connection_rules import Count, MakeContext, RealtimeSettings, origin_allowed
from .messages import SUBPROTOCOL, CloseCode
from .operations import Operations
from .service import Activity, Service
from .sse import EventStreams
from .websocket import Socket

COST_SHARES = 10
"""What an event may cost for all subscriptions together, as a multiple of what it may for those of
one client, which is what a request may cost."""


class Realtime:
    """Subscriptions over both transports, within one set of bounds.

    `activity` is told what goes on.
    """

    def __init__(
        self,
        operations: Operations,
        make_context: MakeContext,
        count: Count,
        activity: Activity,
        settings: RealtimeSettings,
    ) -> None:
        self._sockets = Capacity(
            "websockets",
            "WebSockets",
            settings.max_websockets,
            settings.max_per_client,
            activity.refused,
        )
        self._service = Service(
            operations=operations,
            make_context=make_context,
            count=count,
            activity=activity,
            subscriptions=Capacity(
                "subscriptions",
                "subscriptions",
                settings.max_subscriptions,
                settings.max_per_client,
                activity.refused,
            ),
            costs=Capacity(
                "subscription_costs",
                "units of cost in subscriptions",
                operations.max_cost * COST_SHARES,
                operations.max_cost,
                activity.refused,
            ),
            settings=settings,
            stopping=asyncio.Event(),
        )

    def event_streams(self, behind: ASGIApp) -> EventStreams:
        """What answers requests for event streams, in front of what answers all others."""
        return EventStreams(behind, self._service)

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
                self._sockets.hold(client, is_arriving=True) as hold,
                self._service.activity.websocket(),
            ):
                await self._converse(scope, receive, send, hold)
        except CapacityError as error:
            await _deny(error, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send, hold: Hold) -> None:
        if SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            code, reason = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable"
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        await Socket(scope, receive, send, self._service, hold).run()

    @property
    def connections(self) -> int:
        """How many WebSockets and subscriptions are open; 0 when all have ended."""
        return self._sockets.taken + self._service.subscriptions.taken

    def stop(self) -> None:
        """End all that goes on, so that the server's stop need not wait for it."""
        self._service.stopping.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take connections until the block ends or the process is told to stop."""
        self._service.stopping.clear()
        try:
            with _on_signals(self.stop):
                yield
        finally:
            self.stop()


@contextmanager
def _on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` as soon as a signal ends the process, besides what is to be done at it.

    Servers tell an application only when all its requests are done, which streams never are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal arrives here
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop_too(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, stop_too)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _deny(error: CapacityError, send: Send) -> None:
    """Refuse a handshake as HTTP does."""
    response = respond(failure(error), MediaType.JSON)
    head = {"status": response.status, "headers": list(response.headers)}
    await send({"type": "websocket.http.response.start", **head})
    await send({"type": "websocket.http.response.body", "body": response.body})
