"""Subscribers, who continue from their last cursor and must get each event once."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.soak.load_client import LoadClient, SoakContext
from tests.soak.servers import RestartableServer

_SUBSCRIPTION = "subscription ($after: String) { changes(after: $after) { cursor kind slug } }"
_CURSOR = "{ changesCursor }"
_RECV_S = 1.0
_CATCH_UP_S = 30


class Subscriber(LoadClient):
    """Subscribes to `changes` at one server, with the key of the writers.

    Attributes:
        transport: The name of the transport.
        after: The last cursor.
    """

    pause_s = 0.2
    transport = ""

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(context, seed, server)
        self._received: set[str] = set()
        self._deadline = 0.0
        response = self.http.post("check", _CURSOR, **self.headers)
        self.after: str = response.json()["data"]["changesCursor"]

    @property
    def headers(self) -> dict[str, str]:
        """The header field with the key."""
        return {"authorization": f"Bearer {self.context.key}"}

    @property
    def payload(self) -> dict[str, Any]:
        """The subscription."""
        return {"query": _SUBSCRIPTION, "variables": {"after": self.after}}

    def events(self) -> Iterator[Any]:
        """The events after the last cursor, until the stream ends."""
        raise NotImplementedError

    def step(self) -> None:
        """Open one connection, and read its events."""
        began = time.monotonic()
        for answer in self.events():
            if answer is None:
                began = time.monotonic()
            else:
                self._handle(answer)
            if self.is_done():
                return
        self.handle_interruption(EOFError("the stream ended"), began)

    def _handle(self, answer: Any) -> None:
        if answer.get("errors"):
            self.recorder.record_error(f"{self.name}: {answer}")
            return
        event = answer["data"]["changes"]
        if event["kind"] == "GAP":
            self.recorder.record_error(f"{self.name}: a GAP")
        if event["cursor"] in self._received:
            self.recorder.record_error(f"{self.name}: {event} came twice")
        self._received.add(event["cursor"])
        self.after = event["cursor"]
        self.recorder.count(f"event, {self.transport}")

    def is_done(self) -> bool:
        """Whether all events have come after the last write, or a timeout has passed."""
        if not self.context.writes_ended.is_set():
            return False
        self._deadline = self._deadline or time.monotonic() + _CATCH_UP_S
        is_caught_up = self.recorder.writes.keys() <= self._received
        return is_caught_up or time.monotonic() > self._deadline

    def run(self) -> None:
        """Run until the stop event, and then until it is done."""
        super().run()
        self.context.writes_ended.wait()
        while not self.is_done():
            began = time.monotonic()
            try:
                self.step()
            except Exception as error:  # noqa: BLE001  # its server may just have been restarted
                self.handle_interruption(error, began)

    def missed_writes(self) -> list[str]:
        """The acknowledged writes without an event, in words."""
        missing = self.recorder.writes.keys() - self._received
        return [f"{self.name} missed {self.recorder.writes[each]}" for each in missing]


class WebSocketSubscriber(Subscriber):
    """A subscriber over graphql-transport-ws."""

    transport = "WebSocket"

    def events(self) -> Iterator[Any]:
        """See `Subscriber`; None at timeouts of reads."""
        with connect(
            f"ws://127.0.0.1:{self.server.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
            close_timeout=1,
        ) as connection:
            who = {"Authorization": f"Bearer {self.context.key}"}
            connection.send(json.dumps({"type": "connection_init", "payload": who}))
            connection.recv()
            connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": self.payload}))
            while True:
                try:
                    message = orjson.loads(connection.recv(_RECV_S))
                except TimeoutError:
                    yield None
                except ConnectionClosed:
                    return
                else:
                    match message["type"]:
                        case "next":
                            yield message["payload"]
                        case "ping":
                            connection.send('{"type":"pong"}')
                        case other:
                            self.recorder.record_error(f"{self.name}: {other}: {message}")
                            return


class EventStreamSubscriber(Subscriber):
    """A subscriber over server-sent events."""

    transport = "event stream"

    def events(self) -> Iterator[Any]:
        """See `Subscriber`; None for each keep-alive line."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        body = json.dumps(self.payload)
        try:
            connection.request("POST", "/graphql", body, {**headers, **self.headers})
            response = connection.getresponse()
            if response.status != 200:
                read = response.read()[:300]
                if response.status != 503 or not self.server.was_down_since(time.monotonic()):
                    self.recorder.record_error(f"{self.name}: {response.status} {read!r}")
                return
            for line in response:
                yield orjson.loads(line[6:]) if line.startswith(b"data: {") else None
        finally:
            connection.close()


SUBSCRIBERS: tuple[type[Subscriber], ...] = (WebSocketSubscriber, EventStreamSubscriber)
"""One of each kind."""
