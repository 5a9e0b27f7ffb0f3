"""Server processes, each pinned to a core.

`setpriv` and `taskset` (util-linux) pin a server, and end it if the benchmark is killed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from gql.http.persisted.trusted_documents import document_hash
from gql.settings import variable_name
from tests.benchmarks.http.ceiling import READY_VARIABLE
from tests.benchmarks.http.data import Data

SERVER_CORE, LOAD_CORE = 0, 1
START_TIMEOUT_S = 60
_DRAIN_TIMEOUT_S = 60
_IDLE_FOR_S, _IDLE_SHARE = 0.1, 0.05
ROOT = Path(__file__).parents[3]
MERCURIUS = Path(__file__).parent / "mercurius"

CEILING, NEWSGRAPH, PEER, STRAWBERRY = "ceiling", "newsgraph", "mercurius", "strawberry"


@dataclass(frozen=True, slots=True)
class Variant:
    """A newsgraph with other settings or other requests.

    Attributes:
        settings: Additional settings, by name.
        headers: Additional header fields of requests to it.
        data: The articles that it serves, if not the common ones.
        writes_per_s: The number of durable writes per second during measurements.
        write_key: The API key of the writer.
        by_hash: Whether requests have the hash of their document, not its text.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Data | None = None
    writes_per_s: int = 0
    write_key: str = ""
    by_hash: bool = False

    def bodies(self, bodies: Sequence[bytes]) -> Sequence[bytes]:
        """The bodies of requests to it, from those of a plain newsgraph."""
        return [hashed_body(body) for body in bodies] if self.by_hash else bodies


def hashed_body(body: bytes) -> bytes:
    """A body with the hash of its document, not its text."""
    members: dict[str, Any] = orjson.loads(body)
    text = members.pop("query")
    return orjson.dumps({"documentId": f"sha256:{document_hash(text)}", **members})


@dataclass(frozen=True, slots=True)
class ServerInputs:
    """The inputs of the servers.

    Attributes:
        data: The articles.
        ready: The folder of the ceiling's static responses.
        logs: The folder of the logs.
        settings: Additional settings of every newsgraph, by name.
        variants: Variants of newsgraph, by name.
    """

    data: Data
    ready: Path
    logs: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Variant] = field(default_factory=dict)


Command = tuple[Sequence[str], Mapping[str, str]]
"""A program with its arguments, and what its environment has in addition."""


def _uvicorn(app: str, port: int, protocol: str = "httptools") -> Sequence[str]:
    """The command of uvicorn, with the same options for all."""
    options = "--loop uvloop --no-access-log --no-server-header --log-level warning".split()
    options += ["--http", protocol, "--port", str(port), "--backlog", "2048"]
    options += ["--timeout-keep-alive", "75"]  # no client waits in vain on a slow machine
    return [sys.executable, "-m", "uvicorn", app, "--factory", *options]


def _settings(data: Data, more: Mapping[str, str]) -> Mapping[str, str]:
    """The settings of newsgraph: large pages, few log lines, no response cache."""
    return {
        "NEWSGRAPH_STORE": str(data.store),
        "NEWSGRAPH_MAX_PAGE_SIZE": "1000",
        "NEWSGRAPH_LOG_LEVEL": "warning",
        "NEWSGRAPH_RESPONSE_CACHE_BYTES": "0",
        "NEWSGRAPH_FRAGMENT_CACHE_BYTES": str(256 << 20),  # all four queries take turns
        **{variable_name(name): value for name, value in more.items()},
    }


def _ceiling(inputs: ServerInputs, port: int) -> Command:
    app = "tests.benchmarks.http.ceiling:from_env"
    return _uvicorn(app, port), {READY_VARIABLE: str(inputs.ready)}


def _newsgraph(inputs: ServerInputs, port: int) -> Command:
    # As `newsgraph serve` does.
    return _uvicorn(
        "gql.composition.app:from_env", port, "gql.server.direct_protocol:DirectProtocol"
    ), _settings(inputs.data, inputs.settings)


def _strawberry(inputs: ServerInputs, port: int) -> Command:
    app = "tests.benchmarks.http.strawberry_app:from_env"
    return _uvicorn(app, port), _settings(inputs.data, inputs.settings)


def _mercurius(inputs: ServerInputs, port: int) -> Command:
    command = ["node", str(MERCURIUS / "server.mjs"), str(inputs.data.graph), str(port)]
    return command, {"NODE_ENV": "production"}


COMMANDS: Mapping[str, Callable[[ServerInputs, int], Command]] = {
    CEILING: _ceiling,
    NEWSGRAPH: _newsgraph,
    PEER: _mercurius,
    STRAWBERRY: _strawberry,
}


class BenchmarkServer:
    """A running server, which can be suspended so that it costs nothing."""

    def __init__(
        self,
        name: str,
        port: int,
        process: subprocess.Popen[bytes],
        variant: Variant,
    ) -> None:
        self.name = name
        self.port = port
        self.variant = variant
        self._process = process

    def path(self, query: str) -> str:
        """The path of a query; the ceiling distinguishes queries by their path."""
        return f"/{query}" if self.name == CEILING else "/graphql"

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far, in seconds, exact to the microsecond."""
        # The clock of a process: what clock_getcpuclockid(3) returns, which Python lacks.
        return time.clock_gettime((~self._process.pid << 3) | 2)

    @property
    def rss_bytes(self) -> int:
        """The resident set."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Resume it in this block, and suspend it afterwards."""
        self._process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.suspend()

    def drain(self) -> None:
        """Wait until it no longer works on abandoned requests. Raises: RuntimeError."""
        deadline = time.monotonic() + _DRAIN_TIMEOUT_S
        while time.monotonic() < deadline:
            before_s = self.cpu_s
            time.sleep(_IDLE_FOR_S)
            if self.cpu_s - before_s < _IDLE_FOR_S * _IDLE_SHARE:
                return
        raise RuntimeError(f"{self.name} works on, {_DRAIN_TIMEOUT_S} s after the last request.")

    def suspend(self) -> None:
        """Suspend it."""
        self._process.send_signal(signal.SIGSTOP)


@contextmanager
def run_server(name: str, inputs: ServerInputs) -> Iterator[BenchmarkServer]:
    """Run a server on its core until the block ends.

    Raises: RuntimeError: it ends at once, or does not listen in time.
    """
    port = _free_port()
    variant = inputs.variants.get(name, Variant())
    inputs = replace(
        inputs,
        data=variant.data or inputs.data,
        settings={**inputs.settings, **variant.settings},
    )
    command, environment = COMMANDS.get(name, _newsgraph)(inputs, port)
    file = re.sub(r"\W+", "-", name)
    log = inputs.logs / f"{file}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(SERVER_CORE), *command],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            cwd=inputs.logs,  # away from any newsgraph.toml and .env
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_listening(process, name, port, log)
        yield BenchmarkServer(name, port, process, variant)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await_listening(process: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    output = log.read_text(errors="replace")[-2_000:]
    raise RuntimeError(f"The server {name} does not listen. Its output:\n{output}")


def install_peer() -> None:
    """Install the peer's packages as locked, if they are missing."""
    if not shutil.which("npm"):
        raise RuntimeError("Mercurius needs Node with npm. Install it, or leave it out: --servers")
    if not (MERCURIUS / "node_modules" / ".package-lock.json").exists():
        command = ["npm", "ci", "--loglevel", "error"]
        subprocess.run(command, cwd=MERCURIUS, check=True, timeout=300)
