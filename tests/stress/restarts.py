"""Restarts under busy clients: what of them a client notices.

`python -m tests.stress.restarts --count 100` stops and starts a server under clients that keep
their connections, and counts requests that were lost. The suite runs a few (`test_restarts`).

A request is lost when the connection ends after it was sent and before its answer was all there,
though the server had not said that it would close. One that finds nobody listening is refused,
which a client sees at once and tries again; the first on a connection is counted apart.
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


class Counts(NamedTuple):
    """What clients saw.

    Attributes:
        answered: Requests with a whole answer.
        lost: Requests on a connection that had answered before, without an answer.
        lost_first: First requests of a connection without an answer.
        refused: Connections that were refused.
        closed: Answers that said that the connection ends.
    """

    answered: int = 0
    lost: int = 0
    lost_first: int = 0
    refused: int = 0
    closed: int = 0

    def __add__(self, other: object) -> Counts:
        assert isinstance(other, Counts)
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))


class BusyClient(threading.Thread):
    """Sends one request after the other, over a connection for as long as it lasts."""

    def __init__(self, port: int, request: bytes) -> None:
        super().__init__(daemon=True)
        self.counts = Counts()
        self.ends = threading.Event()
        self._port = port
        self._request = request

    def run(self) -> None:
        """See threading."""
        while not self.ends.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), 20) as connection:
                    self._converse(connection)
            except OSError:
                self.counts += Counts(refused=1)
                time.sleep(_PAUSE_S)

    def _converse(self, connection: socket.socket) -> None:
        is_first = True
        while not self.ends.is_set():
            try:
                connection.sendall(self._request)
                closes = _closes(connection)
            except (OSError, ValueError):
                self.counts += Counts(lost_first=1) if is_first else Counts(lost=1)
                return
            self.counts += Counts(answered=1, closed=closes)
            if closes:
                return
            is_first = False


def _closes(connection: socket.socket) -> bool:
    """Read a whole answer; whether it says that it is the last. Raises: ValueError: it is none."""
    text = b""
    while b"\r\n\r\n" not in text:
        text += _more(connection)
    head, _, body = text.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ValueError(head)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += _more(connection)
    return fields.get(b"connection") == b"close"


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 16)
    if not piece:
        raise ValueError("the connection has ended")
    return piece


def restarts(count: int, workers: int) -> Counts:
    """What busy clients see of so many restarts."""
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
                _answered_more(clients, server)
                server.stop()
        for client in clients:
            client.ends.set()
        for client in clients:
            client.join(20)
    return sum((client.counts for client in clients), Counts())


def _answered_more(clients: list[BusyClient], server: ServerProcess) -> None:
    """Return once each client has had some answers."""
    before = [client.counts.answered for client in clients]
    while any(
        client.counts.answered < had + 20 for client, had in zip(clients, before, strict=True)
    ):
        assert server.process.poll() is None, "the server has ended"
        time.sleep(_PAUSE_S)


def main() -> None:
    """Restart and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    for workers in options.workers:
        counts = restarts(options.count, workers)
        print(f"{workers} worker(s), {options.count} restarts: {counts}", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
