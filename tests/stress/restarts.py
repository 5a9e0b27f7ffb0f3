"""Restarts of a server under load, as its clients see them.

`python -m tests.stress.restarts --count 100` restarts a server while clients use persistent
connections, and counts lost requests. The test suite runs a few restarts (`test_restarts`).

A request is lost if its connection ends before the whole response, and no response announced the
end. A refused connection is not lost: the client retries. The first request of a connection is
counted separately.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.conftest import SEEDS
from tests.support.raw_http import get, post
from tests.support.server_process import ServerProcess, free_port, run_newsgraph, wait_until_ready

CLIENTS = 4
_PAUSE_S = 0.005


class RequestCounts(NamedTuple):
    """The results of requests.

    Attributes:
        answered: Requests with a whole response.
        lost: Requests without a response, on a connection that had responses before.
        lost_first: First requests of a connection without a response.
        refused: Refused connections.
        closed: Responses that announce the end of the connection.
    """

    answered: int = 0
    lost: int = 0
    lost_first: int = 0
    refused: int = 0
    closed: int = 0

    def __add__(self, other: object) -> RequestCounts:
        assert isinstance(other, RequestCounts)
        return RequestCounts(*(one + two for one, two in zip(self, other, strict=True)))


class BusyClient(threading.Thread):
    """A client that sends requests one after the other on a persistent connection.

    Attributes:
        counts: The results.
        stop_event: Set to stop it.
    """

    def __init__(self, port: int, request: bytes) -> None:
        super().__init__(daemon=True)
        self.counts = RequestCounts()
        self.stop_event = threading.Event()
        self._port = port
        self._request = request

    def run(self) -> None:
        """See threading."""
        while not self.stop_event.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), 20) as connection:
                    self._send_requests(connection)
            except OSError:
                self.counts += RequestCounts(refused=1)
                time.sleep(_PAUSE_S)

    def _send_requests(self, connection: socket.socket) -> None:
        is_first = True
        while not self.stop_event.is_set():
            try:
                connection.sendall(self._request)
                closes = _read_response(connection)
            except (OSError, ValueError):
                self.counts += RequestCounts(lost_first=1) if is_first else RequestCounts(lost=1)
                return
            self.counts += RequestCounts(answered=1, closed=closes)
            if closes:
                return
            is_first = False


def _read_response(connection: socket.socket) -> bool:
    """Read a response; whether it announces the end. Raises: ValueError: it is incomplete."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += _receive(connection)
    head, _, body = text.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ValueError(head)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += _receive(connection)
    return fields.get(b"connection") == b"close"


def _receive(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 16)
    if not piece:
        raise ValueError("the connection has ended")
    return piece


def count_requests_during_restarts(count: int, workers: int) -> RequestCounts:
    """Restart a server `count` times under load, and count the results."""
    port = free_port()
    requests = [post(), get(path="/feed.json"), post(), get()]
    clients = [BusyClient(port, requests[number % 4]) for number in range(CLIENTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(SEEDS, folder / "news")
        options = "news", "--workers", str(workers), "--log-level", "warning", "--port", str(port)
        for number in range(count):
            with run_newsgraph(*options, folder=folder) as server:
                wait_until_ready(server)
                if not number:
                    for client in clients:
                        client.start()
                _wait_for_responses(clients, server)
                server.stop()
        for client in clients:
            client.stop_event.set()
        for client in clients:
            client.join(20)
    return sum((client.counts for client in clients), RequestCounts())


def _wait_for_responses(clients: list[BusyClient], server: ServerProcess) -> None:
    """Wait until each client has 20 more responses."""
    before = [client.counts.answered for client in clients]
    while any(
        client.counts.answered < count_before + 20
        for client, count_before in zip(clients, before, strict=True)
    ):
        assert server.process.poll() is None, "the server has ended"
        time.sleep(_PAUSE_S)


def main() -> None:
    """Restart, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    for workers in options.workers:
        counts = count_requests_during_restarts(options.count, workers)
        print(f"{workers} worker(s), {options.count} restarts: {counts}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
