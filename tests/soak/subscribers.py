"""Subscribers, who go on from their last cursor and must miss nothing and hear nothing twice."""

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

from tests.soak.client import Actor, World
from tests.soak.servers import Server

_FOLLOW = "subscription ($after: String) { changes(after: $after) { cursor kind slug } }"
_LATEST = "{ changes(first: 0) { latestCursor } }"
_RECV_S = 1.0
_CATCH_UP_S = 30


class Subscriber(Actor):
    """Follows `changes` at one server with the rights of the writers, whose cursors it shares."""

    pause_s = 0.2
    word = ""

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(world, seed, server)
        self._seen: set[str] = set()
        self._deadline = 0.0
        reply = self.http.post("check", _LATEST, **self.headers)
        self.after: str = reply.json()["data"]["changes"]["latestCursor"]

    @property
    def headers(self) -> dict[str, str]:
        """Who it is."""
        return {"authorization": f"Bearer {self.world.key}"}

    @property
    def payload(self) -> dict[str, Any]:
        """What it asks for."""
        return {"query": _FOLLOW, "variables": {"after": self.after}}

    def events(self) -> Iterator[Any]:
        """The events after the last cursor, until the server ends them."""
        raise NotImplementedError

    def step(self) -> None:
        """One connection."""
        began = time.monotonic()
        for answer in self.events():
            if answer is None:
                began = time.monotonic()
            else:
                self._heed(answer)
            if self.is_done():
                return
        self.interrupted(EOFError("the stream ended"), began)

    def _heed(self, answer: Any) -> None:
        if answer.get("errors"):
            self.ledger.error(f"{self.name}: {answer}")
            return
        event = answer["data"]["changes"]
        if event["kind"] == "GAP":
            self.ledger.error(f"{self.name}: a GAP")
        if event["cursor"] in self._seen:
            self.ledger.error(f"{self.name}: {event} came twice")
        self._seen.add(event["cursor"])
        self.after = event["cursor"]
        self.ledger.count(f"event, {self.word}")

    def is_done(self) -> bool:
        """Whether nobody writes any more and it has heard of every write, or waited for long."""
        if not self.world.is_quiet.is_set():
            return False
        self._deadline = self._deadline or time.monotonic() + _CATCH_UP_S
        is_caught_up = self.ledger.written.keys() <= self._seen
        return is_caught_up or time.monotonic() > self._deadline

    def run(self) -> None:
        """Until the end, and then until it is done."""
        super().run()
        self.world.is_quiet.wait()
        while not self.is_done():
            began = time.monotonic()
            try:
                self.step()
            except Exception as error:  # noqa: BLE001  # its server may just have been restarted
                self.interrupted(error, began)

    def holes(self) -> list[str]:
        """The acknowledged writes that it has not heard of, in words."""
        missing = self.ledger.written.keys() - self._seen
        return [f"{self.name} has not heard of {self.ledger.written[each]}" for each in missing]


class OverWebSocket(Subscriber):
    """Speaks graphql-transport-ws."""

    word = "WebSocket"

    def events(self) -> Iterator[Any]:
        """See `Subscriber`; None where nothing came for a while."""
        with connect(
            f"ws://127.0.0.1:{self.server.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
            close_timeout=1,
        ) as opened:
            who = {"Authorization": f"Bearer {self.world.key}"}
            opened.send(json.dumps({"type": "connection_init", "payload": who}))
            opened.recv()
            opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": self.payload}))
            while True:
                try:
                    message = orjson.loads(opened.recv(_RECV_S))
                except TimeoutError:
                    yield None
                except ConnectionClosed:
                    return
                else:
                    match message["type"]:
                        case "next":
                            yield message["payload"]
                        case "ping":
                            opened.send('{"type":"pong"}')
                        case other:
                            self.ledger.error(f"{self.name}: {other}: {message}")
                            return


class OverEventStream(Subscriber):
    """Speaks server-sent events."""

    word = "event stream"

    def events(self) -> Iterator[Any]:
        """See `Subscriber`; None for each line that keeps it alive."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        body = json.dumps(self.payload)
        try:
            connection.request("POST", "/graphql", body, {**headers, **self.headers})
            response = connection.getresponse()
            if response.status != 200:
                read = response.read()[:300]
                if response.status != 503 or not self.server.excuses(time.monotonic()):
                    self.ledger.error(f"{self.name}: {response.status} {read!r}")
                return
            for line in response:
                yield orjson.loads(line[6:]) if line.startswith(b"data: {") else None
        finally:
            connection.close()


SUBSCRIBERS: tuple[type[Subscriber], ...] = (OverWebSocket, OverEventStream)
"""One of each kind."""
