"""A client of HTTP/1.1 that sends raw bytes, and a parser of the responses."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Sequence
from typing import NamedTuple

TIMEOUT_S = 20
TITLES = "{ articles(first: 2) { nodes { title } } }"


class RawResponse(NamedTuple):
    """A response.

    Attributes:
        status: The status code.
        fields: The header fields, by lower-case name.
        body: The decoded body.
    """

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it announces the end of the connection."""
        return self.fields.get("connection") == "close"

    @property
    def code(self) -> str | None:
        """The code of its first error, if it has one."""
        errors = json.loads(self.body).get("errors") if self.body[:1] == b"{" else None
        return str(errors[0]["extensions"]["code"]) if errors else None


def body_of(query: str = TITLES) -> bytes:
    """The body of a request with a query."""
    return json.dumps({"query": query}).encode()


def post(*fields: str, body: bytes | None = None, start: str = "POST /graphql HTTP/1.1") -> bytes:
    """A POST request; required header fields are added unless `fields` has them."""
    content = body_of() if body is None else body
    names = {field.partition(":")[0].lower() for field in fields}
    lines = [start, *fields]
    for name, value in (("Host", "x"), ("Content-Type", "application/json")):
        if name.lower() not in names:
            lines.append(f"{name}: {value}")
    if not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def get(*fields: str, path: str = "/healthz", host: str | None = "x") -> bytes:
    """A GET request."""
    lines = [f"GET {path} HTTP/1.1", *([] if host is None else [f"Host: {host}"]), *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def chunked(*pieces: bytes, trailers: Iterable[str] = ()) -> bytes:
    """A body in chunked transfer encoding, with trailers."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + b"".join(f"{each}\r\n".encode() for each in trailers) + b"\r\n"


def receive_all(port: int, *pieces: bytes) -> bytes:
    """All bytes that a server sends until it closes the connection.

    Raises: TimeoutError: it does not close in time.
    """
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        while piece := connection.recv(1 << 16):
            received += piece
    return bytes(received)


def parse_responses(text: bytes, methods: Sequence[str] = ()) -> list[RawResponse]:
    """The responses in received bytes. Raises: ValueError: their framing is invalid.

    `methods`: the methods of the requests, in order, if one of them is HEAD.
    """
    responses: list[RawResponse] = []
    while text:
        head, mark, text = text.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        if not mark or not start.startswith("HTTP/1.1 "):
            raise ValueError(head)
        status = int(start[9:12])
        if status == 100:
            continue
        fields = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        is_head = methods[len(responses) :][:1] == ["HEAD"]
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            body, text = _chunks(text)
        elif not (is_head or status in (204, 304)):
            size = int(fields["content-length"])
            if len(text) < size:
                raise ValueError(text)
            body, text = text[:size], text[size:]
        responses.append(RawResponse(status, fields, body))
    return responses


def _chunks(text: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, mark, text = text.partition(b"\r\n")
        if not mark:
            raise ValueError(text)
        count = int(size, 16)
        body, end, text = body + text[:count], text[count : count + 2], text[count + 2 :]
        if end != b"\r\n":
            raise ValueError(end)
        if not count:
            return body, text


def exchange(port: int, *pieces: bytes) -> list[RawResponse]:
    """Send bytes, and return the responses."""
    return parse_responses(receive_all(port, *pieces))
