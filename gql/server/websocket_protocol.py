"""The WebSocket protocol of our server: close frames that reach slow clients.

uvicorn sends nothing, not even a close frame, while the write buffer is full. It closes a socket
without pongs with 1011, after which clients do not reconnect.
"""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.frames import Frame

from gql.realtime.messages import CloseCode, TooSlow

from . import FairInputProtocol

CLOSE_TIMEOUT_S = 5.0
"""The time-out of a client for its close frame, once ours was passed to the system."""


class WebSocketProtocol(FairInputProtocol):
    """uvicorn's protocol with other closes.

    The setting `ws_ping_timeout` is also the time-out of a slow client, which reads a close frame
    behind all that it has not read yet.
    """

    async def send(self, message: Any) -> None:
        """Send an ASGI message; a close frame at once, even if the write buffer is full.

        If the client does not read it in time, or ignores it, the connection is aborted.
        """
        if message["type"] != "websocket.close" or not self.handshake_complete:
            await super().send(message)
            if message["type"] == "websocket.http.response.body":
                self.handshake_complete = True  # else uvicorn logs each refusal as an error
            return
        writable, self.writable = self.writable, asyncio.Event()
        self.writable.set()
        try:
            await super().send(message)
        finally:
            self.writable = writable  # for other tasks that wait on it
        if self.close_timer is not None:
            self._limit_close()

    def eof_received(self) -> None:
        """Close the socket of a client that has closed its half."""
        self.transport.close()
        self._limit_close()

    def handle_close(self, event: Frame) -> None:
        """Handle the close frame of the client."""
        super().handle_close(event)
        self._limit_close()

    def handle_parser_exception(self) -> None:
        """Close the socket of a client that breaks the protocol."""
        super().handle_parser_exception()
        self._limit_close()

    def _limit_close(self) -> None:
        """Abort the connection of a client that ignores the close, or does not read on.

        A transport that is closed waits for its write buffer without end.
        """
        if self.close_timer is not None:
            self.close_timer.cancel()
        if self.disconnected:
            return
        timeout_s = self.config.ws_ping_timeout or self.close_timeout
        if not self.transport.get_write_buffer_size():
            timeout_s = min(timeout_s, CLOSE_TIMEOUT_S)
        self.close_timer = self.loop.call_later(timeout_s, self.transport.abort)

    def parse_chunk(self) -> None:
        """Parse the next chunk; respond to a handshake that the library refuses.

        uvicorn sends no response then.
        """
        super().parse_chunk()
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def keepalive_timeout(self) -> None:
        """Close the socket of a client without pongs like that of a slow client."""
        self.pong_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        end = TooSlow()
        self._close(int(end.code or 0), end.reason)

    def shutdown(self) -> None:
        """Close with GOING_AWAY, after which clients reconnect."""
        self.stop_keepalive()
        if self.close_sent:
            self.transport.close()
        elif self.handshake_complete:
            self._close(CloseCode.GOING_AWAY, "")
        else:
            self.send_500_response()
            self.transport.close()

    def _close(self, code: int, reason: str) -> None:
        message = {"type": "websocket.close", "code": int(code), "reason": reason}
        task = self.loop.create_task(self.send(message))
        self.tasks.add(task)
        task.add_done_callback(self.on_task_complete)
