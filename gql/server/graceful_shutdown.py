"""Graceful shutdown: whoever was let in is answered, whichever process has its connection.

uvicorn closes its listener with connections in the system's queue, which resets them; and where
several processes listen, the one that started them keeps the queue open until they have ended.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess, multiprocess


class Server(uvicorn.Server):
    """One process that serves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more, let in who has connected until then, and answer who was let in."""
        queues = [each.dup() for each in sockets or ()]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0.01)  # for what closes them
        for each in sockets or ():
            each.close()
        await self._let_in(queues)
        await super().shutdown(sockets)

    async def _let_in(self, queues: Iterable[socket.socket]) -> None:
        """Accept who is in the queues, and close them at once."""
        accepted = []
        for queue in queues:
            queue.setblocking(False)
            with queue, suppress(OSError):  # there is no other, or no file descriptor for one
                while True:
                    accepted.append(queue.accept()[0])
        for connection in accepted:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


class Worker(multiprocess.Process):
    """One of several processes that serve."""

    @property
    def server(self) -> uvicorn.Server:
        """What it runs."""
        if self._server is None:
            self._server = Server(config=self.config)
        return self._server


class Workers(Multiprocess):
    """Several processes that serve, and the one that starts and stops them."""

    def run(self) -> None:
        """Start them, and serve until told to stop."""
        multiprocess.Process = Worker  # type: ignore[misc]  # uvicorn has no other way to say so
        super().run()

    def terminate_all(self) -> None:
        """Stop them all. The queue of connections is theirs alone then."""
        for each in self.sockets:
            each.close()
        super().terminate_all()
