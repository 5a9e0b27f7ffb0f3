"""Newsgraph servers in processes of their own, on free ports."""

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
    """A process that serves.

    Attributes:
        process: The process.
        url: The base URL.
        output: The standard output until it served.
    """

    process: subprocess.Popen[str]
    url: str
    output: str = ""

    def get(self, path: str = "/graphql?query={articles{totalCount}}") -> str:
        """The body of the response to a GET request."""
        with urllib.request.urlopen(self.url + path, timeout=TIMEOUT_S) as response:  # noqa: S310
            return str(response.read().decode())

    def stop(self) -> int:
        """Send SIGTERM, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of newsgraph, and with other variables."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("NEWSGRAPH_")}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def start_process(
    command: Sequence[str], folder: Path, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a process in a session of its own; it and its children are killed after the block."""
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
    """Run `newsgraph serve` with these arguments until the block ends."""
    with start_process(
        ["-m", "gql", "serve", "--port", "0", *arguments], folder, **more
    ) as process:
        assert process.stdout is not None
        output = read_until(process.stdout, "Open")
        url = re.search(r"http://\S+(?=/graphql)", output)
        assert url, output + (folder / "stderr.txt").read_text()
        yield ServerProcess(process, url[0], output)


def read_until(lines: IO[str], word: str) -> str:
    """The output up to the line with this word, or to the end."""
    output = ""
    for line in lines:
        output += line
        if word in line:
            break
    return output


def free_port() -> int:
    """A free port.

    It is below the range from which the system takes ports of connections, such as those of tests
    that run at the same time.
    """
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))  # no seed makes two draw the same
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def wait_until_ready(server: ServerProcess) -> None:
    """Wait until /readyz succeeds; fail if it does not in time."""
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
    """Wait until a port refuses connections; fail if it does not in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), TIMEOUT_S).close()
        except ConnectionError:
            return
        assert time.monotonic() < deadline, "the server still accepts connections"
        time.sleep(PAUSE_S)
