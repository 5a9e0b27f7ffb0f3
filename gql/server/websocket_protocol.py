"""The WebSocket protocol of our server: a close that reaches a client that does not read.

uvicorn sends nothing, not even a close frame, while a client's buffer is full, and closes a socket
whose pings are not answered with 1011, on which clients do not come again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gql.realtime.messages import CloseCode, TooSlow

from . import PacedInput


class WebSocketProtocol(PacedInput):
    """uvicorn's protocol, but for how it ends.

    Its setting `ws_ping_timeout` is also how long a client may take to read a close frame.
    """

    async def send(self, message: Any) -> None:
        """Send a message of ASGI; a close at once, behind all that the client has not read yet.

        Of who does not read it in time the connection is dropped with what is still to be sent.
        """
        if message["type"] != "websocket.close" or not self.handshake_complete:
            await super().send(message)
            if message["type"] == "websocket.http.response.body":
                self.handshake_complete = True  # else uvicorn logs each refusal as our fault
            return
        waiting, self.writable = self.writable, asyncio.Event()
        self.writable.set()
        try:
            await super().send(message)
        finally:
            self.writable = waiting  # others wait on
        if self.close_timer is not None:
            self.close_timer.cancel()
            timeout_s = self.config.ws_ping_timeout or self.close_timeout
            self.close_timer = self.loop.call_later(timeout_s, self.transport.abort)

    def read_piece(self) -> None:
        """Parse a piece of the input; answer a handshake that the library refuses, which uvicorn
        does not.
        """
        super().read_piece()
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def keepalive_timeout(self) -> None:
        """Close the socket of a client that answers no ping as that of one that does not read."""
        self.pong_timer = None
        if self.close_sent or self.transport.is_closing():
            return
        end = TooSlow()
        self._close(int(end.code or 0), end.reason)

    def shutdown(self) -> None:
        """Tell the client that the server goes away; it connects again."""
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
