"""A client that sends bytes as they are, also those that no honest client sends."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

TIMEOUT_S = 120
JSON = {"content-type": "application/json"}
CLOSED = "closed"


class Outcome(NamedTuple):
    """What came of an attempt.

    Attributes:
        code: The status, and the code of the first error.
        is_refused: Whether the server did not do what it was asked to.
        sent: Bytes that were sent.
        received: Bytes of the answer's body.
    """

    code: str
    is_refused: bool
    sent: int
    received: int


@dataclass
class Client:
    """A client of one server, with a connection that it keeps.

    Attributes:
        port: Where the server listens, on this machine.
        key: An API key with the scope WRITE.
        held: Connections that attempts have left open.
        sockets: WebSockets that attempts have left open.
    """

    port: int
    key: str
    held: list[socket.socket] = field(default_factory=list)
    sockets: list[ClientConnection] = field(default_factory=list)
    _kept: socket.socket | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        opened = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def websocket(self, *, init: bool = True) -> ClientConnection:
        """A new WebSocket, which has said who it is."""
        opened = connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
            legacy=True,
            open_timeout=TIMEOUT_S,
            close_timeout=1,
        )
        if init:
            opened.send('{"type":"connection_init"}')
            opened.recv(TIMEOUT_S)
        return opened

    def post(
        self, body: bytes, headers: Mapping[str, str] | None = None, target: str = "/graphql"
    ) -> Outcome:
        """The outcome of a POST on the kept connection."""
        return self.exchange(request("POST", target, {**JSON, **(headers or {})}, body))

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Outcome:
        """The outcome of a GET on the kept connection."""
        return self.exchange(request("GET", target, headers or {}))

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation, which must have no errors."""
        body = orjson.dumps({"query": query, "variables": variables})
        with self.connect() as opened:
            opened.sendall(request("POST", "/graphql", JSON, body))
            answer = orjson.loads(_answer(opened)[1])
        if answer.get("errors"):
            raise RuntimeError(f"{query[:100]}: {answer['errors'][0]}")
        return answer["data"]

    def exchange(self, raw: bytes, *, fresh: bool = False) -> Outcome:
        """Send bytes, read one answer. A connection that the server closes is made anew."""
        if self._kept is None or fresh:
            self._drop()
            self._kept = self.connect()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before
                self._kept.sendall(raw)
            response, body = _answer(self._kept)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            word = "time-out" if isinstance(error, TimeoutError) else CLOSED
            return Outcome(word, True, len(raw), 0)
        if response.will_close:
            self._drop()
        return outcome(response.status, body, len(raw))

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def close(self) -> None:
        """End all connections."""
        self._drop()
        for held in self.held:
            held.close()
        for opened in self.sockets:
            with suppress(Exception):
                opened.socket.close()
        self.held, self.sockets = [], []


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request with a Host and, where it has a body, its length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _answer(opened: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(opened)
    try:
        response.begin()
        return response, response.read()
    finally:
        response.close()


def outcome(status: int, body: bytes, sent: int) -> Outcome:
    """What a response says came of a request."""
    errors, is_done = _errors(body)
    code = f"{status} {errors[0]}" if errors else str(status)
    return Outcome(code, status >= 400 or not is_done, sent, len(body))


def _errors(body: bytes) -> tuple[list[str], bool]:
    """Codes of errors, and whether anything was done all the same."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return [], True
    if not isinstance(answer, dict):
        return [], True
    codes = [
        str((error.get("extensions") or {}).get("code", "error"))
        for error in answer.get("errors") or []
    ]
    data = answer.get("data")
    if isinstance(data, dict):
        for payload in data.values():
            if isinstance(payload, dict) and payload.get("userErrors"):
                codes += [error.get("code", "userError") for error in payload["userErrors"]]
                return codes, False
    return codes, data is not None or not codes
