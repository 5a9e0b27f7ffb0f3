"""The base of all clients: threads that repeat a step, and their HTTP client."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

import orjson
from websockets.exceptions import WebSocketException

from tests.soak.recorder import Recorder
from tests.soak.servers import RestartableServer

TIMEOUT_S = 60
_IDLE_S = 2.0
INTERRUPTIONS = (OSError, http.client.HTTPException, WebSocketException, EOFError)
"""The errors of a client whose server goes down."""


class SoakContext(NamedTuple):
    """The objects that all clients share.

    Attributes:
        servers: The permanent and the restarted server.
        key: An API key with the scope WRITE.
        recorder: The results of all clients.
        stop: Set to stop the clients.
        writes_ended: Set after the last write.
    """

    servers: Sequence[RestartableServer]
    key: str
    recorder: Recorder
    stop: threading.Event
    writes_ended: threading.Event


class HttpResponse(NamedTuple):
    """The status, header fields and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


class HttpClient:
    """A persistent connection, which is reopened before the server would close it as idle."""

    def __init__(self, server: RestartableServer, recorder: Recorder) -> None:
        self.server = server
        self._recorder = recorder
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        self._used = 0.0

    def send(
        self, what: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HttpResponse:
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
        took_s = time.perf_counter() - began if self.server.is_permanent else None
        self._recorder.record_response(what, took_s)
        self._used = time.monotonic()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return HttpResponse(response.status, fields, read)

    def post(self, what: str, query: str, variables: Any = None, **headers: str) -> HttpResponse:
        """The response of an operation."""
        fields = {"content-type": "application/json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = orjson.dumps({"query": query, "variables": variables})
        return self.send(what, "POST", "/graphql", body, fields)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class LoadClient(threading.Thread):
    """A client of one server that repeats a step, with pauses.

    Attributes:
        pause_s: The mean pause between two steps.
        context: The shared objects.
        server: The server.
        recorder: The results.
        rng: The source of randomness.
        http: The connection.
    """

    pause_s = 0.1

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(name=f"{type(self).__name__} {seed}, {server.name}", daemon=True)
        self.context = context
        self.server = server
        self.recorder = context.recorder
        self.rng = Random(self.name)
        self.http = HttpClient(server, context.recorder)

    def step(self) -> None:
        """One step."""
        raise NotImplementedError

    def handle_interruption(self, error: Exception, began: float) -> None:
        """Record a lost connection: an error, unless the server was restarted."""
        if self.server.was_down_since(began):
            self.recorder.count("interrupted by a restart")
        elif not self.context.stop.is_set():
            self.recorder.record_error(f"{self.name}: {type(error).__name__}: {error}")

    def run(self) -> None:
        """Repeat the step until the stop event."""
        while not self.context.stop.wait(self.rng.uniform(0.5, 1.5) * self.pause_s):
            began = time.monotonic()
            try:
                self.step()
            except INTERRUPTIONS as error:
                self.handle_interruption(error, began)
            except Exception as error:  # noqa: BLE001  # a soak goes on, and tells of it
                self.recorder.record_error(f"{self.name}: {type(error).__name__}: {error}")
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.http.close()

    def expect(self, is_so: object, message: str, response: HttpResponse) -> None:
        """Record an error unless a condition holds, or a stopping server responded (503)."""
        if is_so:
            return
        if response.status == 503 and self.server.was_down_since(time.monotonic()):
            self.recorder.count("503 from a server that stops")
            return
        self.recorder.record_error(
            f"{self.name}: {message}: {response.status} {response.body[:300]!r}"
        )
