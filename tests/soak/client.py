"""Threads that do something again and again, and how they speak HTTP."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import orjson
from websockets.exceptions import WebSocketException

from tests.soak.ledger import Ledger
from tests.soak.servers import Server

TIMEOUT_S = 60
_IDLE_S = 2.0
INTERRUPTIONS = (OSError, http.client.HTTPException, WebSocketException, EOFError)
"""What a client sees when its server goes away."""


class World(NamedTuple):
    """What all clients share.

    Attributes:
        servers: The steady one, and the one that is restarted.
        key: An API key with the scope WRITE.
        ledger: Where they tell what they saw.
        ends: Set when they are to end.
        is_quiet: Set when nobody writes any more.
    """

    servers: Sequence[Server]
    key: str
    ledger: Ledger
    ends: threading.Event
    is_quiet: threading.Event


class Reply(NamedTuple):
    """Status, header fields and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


class Http:
    """A kept connection to a server, made anew before the server would close it as idle."""

    def __init__(self, server: Server, ledger: Ledger) -> None:
        self.server = server
        self._ledger = ledger
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        self._used = 0.0

    def ask(
        self, what: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """The response to a request. Raises: OSError, HTTPException."""
        if time.monotonic() - self._used > _IDLE_S:
            self._connection.close()
        began = time.perf_counter()
        try:
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            read = response.read()
        except BaseException:
            self._connection.close()
            raise
        took_s = time.perf_counter() - began if self.server.is_steady else None
        self._ledger.answered(what, took_s)
        self._used = time.monotonic()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, fields, read)

    def post(self, what: str, query: str, variables: Any = None, **headers: str) -> Reply:
        """The response to an operation."""
        fields = {"content-type": "application/json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = orjson.dumps({"query": query, "variables": variables})
        return self.ask(what, "POST", "/graphql", body, fields)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Actor(threading.Thread):
    """A client of one server that does its step again and again, with pauses."""

    pause_s = 0.1

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(name=f"{type(self).__name__} {seed}, {server.name}", daemon=True)
        self.world = world
        self.server = server
        self.ledger = world.ledger
        self.rng = Random(self.name)
        self.http = Http(server, world.ledger)

    def step(self) -> None:
        """Do it once."""
        raise NotImplementedError

    def interrupted(self, error: Exception, began: float) -> None:
        """The server went away; an error where it was not restarted."""
        if self.server.excuses(began):
            self.ledger.count("interrupted by a restart")
        elif not self.world.ends.is_set():
            self.ledger.error(f"{self.name}: {type(error).__name__}: {error}")

    def run(self) -> None:
        """Do it until the end."""
        while not self.world.ends.wait(self.rng.uniform(0.5, 1.5) * self.pause_s):
            began = time.monotonic()
            try:
                self.step()
            except INTERRUPTIONS as error:
                self.interrupted(error, began)
            except Exception as error:  # noqa: BLE001  # a soak goes on, and tells of it
                self.ledger.error(f"{self.name}: {type(error).__name__}: {error}")
        self.close()

    def close(self) -> None:
        """End its connections."""
        self.http.close()

    def expect(self, is_so: object, said: str, reply: Reply) -> None:
        """An error where something is not so, unless a server that stops said it (503)."""
        if is_so:
            return
        if reply.status == 503 and self.server.excuses(time.monotonic()):
            self.ledger.count("503 from a server that stops")
            return
        self.ledger.error(f"{self.name}: {said}: {reply.status} {reply.body[:300]!r}")
