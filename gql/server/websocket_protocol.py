"""The WebSocket protocol of our server: close frames that reach slow clients.

uvicorn sends nothing, not even a close frame, while the write buffer is full. It closes a socket
without pongs with 1011, after which clients do not reconnect.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gql.realtime.messages import CloseCode, TooSlow

from . import FairInputProtocol


class WebSocketProtocol(FairInputProtocol):
    """uvicorn's protocol with other closes.

    The setting `ws_ping_timeout` is also the time-out for a client to read a close frame.
    """

    async def send(self, message: Any) -> None:
        """Send an ASGI message; a close frame at once, even if the write buffer is full.

        If the client does not read it in time, the connection is aborted.
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
            self.close_timer.cancel()
            timeout_s = self.config.ws_ping_timeout or self.close_timeout
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
