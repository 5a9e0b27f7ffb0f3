"""Newsgraph as processes of its own, on free ports, ended when a test ends."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30
PAUSE_S = 0.02
_PORTS = range(10_000, 30_000)


@dataclass
class ServerProcess:
    """A process that serves: where, and what it said until then."""

    process: subprocess.Popen[str]
    url: str
    output: str = ""

    def get(self, path: str = "/graphql?query={articles{totalCount}}") -> str:
        """The body of the answer to a GET."""
        with urllib.request.urlopen(self.url + path, timeout=TIMEOUT_S) as response:  # noqa: S310
            return str(response.read().decode())

    def stop(self) -> int:
        """Ask it to end as a service manager does, and return how it ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)


def environment(**more: str) -> dict[str, str]:
    """The environment of a process: this one's, without our settings, and with some."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("NEWSGRAPH_")}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def start_process(
    command: Sequence[str], folder: Path, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own; it and its children are gone after the block."""
    with (folder / "stderr.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment(**more),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def run_newsgraph(*arguments: str, folder: Path, **more: str) -> Iterator[ServerProcess]:
    """`newsgraph serve` with these arguments, once it has said where it listens."""
    with start_process(
        ["-m", "gql", "serve", "--port", "0", *arguments], folder, **more
    ) as process:
        assert process.stdout is not None
        said = read_until(process.stdout, "Open")
        found = re.search(r"http://\S+(?=/graphql)", said)
        assert found, said + (folder / "stderr.txt").read_text()
        yield ServerProcess(process, found[0], said)


def read_until(lines: IO[str], word: str) -> str:
    """What is said up to the line with this word, or the end."""
    said = ""
    for line in lines:
        said += line
        if word in line:
            break
    return said


def free_port() -> int:
    """A port that nobody listens on now.

    It is none that the system gives to connections, as of a test that runs at the same time.
    """
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))  # no seed makes two draw the same
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_until_ready(server: ServerProcess) -> None:
    """Return once /readyz says so; fail if it does not in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            server.get("/readyz")
        except (urllib.error.URLError, ConnectionError):
            assert server.process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(PAUSE_S)
        else:
            return


def wait_until_closed(port: int) -> None:
    """Return once nobody accepts connections on a port; fail if somebody still does in the end."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), TIMEOUT_S).close()
        except ConnectionError:
            return
        assert time.monotonic() < deadline, "the server still accepts connections"
        time.sleep(PAUSE_S)
