"""Graceful shutdown: every connection that the system has accepted gets its responses.

uvicorn closes its listening socket while connections are in the system's backlog, which resets
them. With several workers, the supervisor keeps the backlog open until all of them have ended.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from gql.adapters.uvicorn import Multiprocess, Process, Server, set_worker_class


class GracefulServer(Server):
    """A server process."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, accept the backlog, and let the connections get their responses."""
        listeners = [each.dup() for each in sockets or ()]
        for server in self.servers:
            server.close()
        await asyncio.sleep(0.01)  # until the event loop has closed them
        for each in sockets or ():
            each.close()
        await self._accept_backlog(listeners)
        await super().shutdown(sockets)

    async def _accept_backlog(self, listeners: Iterable[socket.socket]) -> None:
        """Accept all connections in the backlogs, and close the listening sockets at once."""
        accepted = []
        for listener in listeners:
            listener.setblocking(False)
            with listener, suppress(OSError):  # no more connections, or no file descriptor
                while True:
                    accepted.append(listener.accept()[0])
        for connection in accepted:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol, connection
            )

    def _make_protocol(self) -> asyncio.Protocol:
        protocol_class: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


class Worker(Process):
    """A worker: one of several server processes."""

    @property
    def server(self) -> Server:
        """The server that the worker runs."""
        if self._server is None:
            self._server = GracefulServer(config=self.config)
        return self._server


class Supervisor(Multiprocess):
    """The supervisor: the process that starts, watches and stops the workers."""

    def run(self) -> None:
        """Run the workers until a signal stops them."""
        set_worker_class(Worker)
        super().run()

    def terminate_all(self) -> None:
        """Stop all workers. From here on only they own the backlog."""
        for each in self.sockets:
            each.close()
        super().terminate_all()
