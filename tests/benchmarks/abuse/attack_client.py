"""A client that sends raw bytes, also invalid requests."""

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


class AttackResult(NamedTuple):
    """The result of a request.

    Attributes:
        code: The status code, and the code of the first error.
        is_refused: Whether the server refused it.
        sent: The size of the request, in bytes.
        received: The size of the response's body, in bytes.
    """

    code: str
    is_refused: bool
    sent: int
    received: int


@dataclass
class AttackClient:
    """A client of one server, with a persistent connection.

    Attributes:
        port: The port of the server, on this machine.
        key: An API key with the scope WRITE.
        open_connections: Connections that attacks leave open.
        sockets: WebSockets that attacks leave open.
    """

    port: int
    key: str
    open_connections: list[socket.socket] = field(default_factory=list)
    sockets: list[ClientConnection] = field(default_factory=list)
    _connection: socket.socket | None = None

    def connect(self) -> socket.socket:
        """A new connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def websocket(self, *, init: bool = True) -> ClientConnection:
        """A new WebSocket, with an acknowledged connection by default."""
        connection = connect(
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
            connection.send('{"type":"connection_init"}')
            connection.recv(TIMEOUT_S)
        return connection

    def post(
        self, body: bytes, headers: Mapping[str, str] | None = None, target: str = "/graphql"
    ) -> AttackResult:
        """The result of a POST request on the persistent connection."""
        return self.exchange(request("POST", target, {**JSON, **(headers or {})}, body))

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> AttackResult:
        """The result of a GET request on the persistent connection."""
        return self.exchange(request("GET", target, headers or {}))

    def execute(self, query: str, **variables: Any) -> Any:
        """The data of an operation. Raises: RuntimeError: it has errors."""
        body = orjson.dumps({"query": query, "variables": variables})
        with self.connect() as connection:
            connection.sendall(request("POST", "/graphql", JSON, body))
            answer = orjson.loads(_read_response(connection)[1])
        if answer.get("errors"):
            raise RuntimeError(f"{query[:100]}: {answer['errors'][0]}")
        return answer["data"]

    def exchange(self, raw: bytes, *, fresh: bool = False) -> AttackResult:
        """Send bytes, and read a response; reopens a connection that the server closes."""
        if self._connection is None or fresh:
            self._drop()
            self._connection = self.connect()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before
                self._connection.sendall(raw)
            response, body = _read_response(self._connection)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            word = "time-out" if isinstance(error, TimeoutError) else CLOSED
            return AttackResult(word, True, len(raw), 0)
        if response.will_close:
            self._drop()
        return classify(response.status, body, len(raw))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close all connections."""
        self._drop()
        for each in self.open_connections:
            each.close()
        for connection in self.sockets:
            with suppress(Exception):
                connection.socket.close()
        self.open_connections, self.sockets = [], []


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request with a Host and, if it has a body, a Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _read_response(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        return response, response.read()
    finally:
        response.close()


def classify(status: int, body: bytes, sent: int) -> AttackResult:
    """The result of a request with this response."""
    errors, is_done = _errors(body)
    code = f"{status} {errors[0]}" if errors else str(status)
    return AttackResult(code, status >= 400 or not is_done, sent, len(body))


def _errors(body: bytes) -> tuple[list[str], bool]:
    """The codes of errors, and whether the operation was executed at all."""
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
