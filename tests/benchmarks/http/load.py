"""The load generator: wrk on its own core, with prepared requests."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.http.servers import LOAD_CORE, BenchmarkServer

_SCRIPT = Path(__file__).parent / "load.lua"
_TIMEOUT_S = 30  # for one answer
_ONCE_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class LoadRun:
    """The results of one run of the load generator, and the server's cost."""

    requests: int
    duration_s: float
    server_cpu_s: float
    load_cpu_s: float
    mean_bytes: int = 0
    p50_ms: float = 0
    p99_ms: float = 0

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_s

    @property
    def cpu_us(self) -> float:
        """CPU time of the server per request, in microseconds."""
        return self.server_cpu_s / max(1, self.requests) * 1e6

    @property
    def load_share(self) -> float:
        """The load of the generator's core; near 1, the generator is the bottleneck."""
        return self.load_cpu_s / self.duration_s


@dataclass(frozen=True, slots=True)
class BodyFile:
    """The bodies of a query's requests, as a file of lines."""

    query: str
    file: Path


def write_bodies(query: str, mode: str, bodies: Sequence[bytes], folder: Path) -> BodyFile:
    """Write bodies to a file for wrk, one for each `mode` of sending.

    JSON has no line breaks, so each body is a line. Raises: ValueError: there are none.
    """
    if not bodies:
        raise ValueError(f"There are too few articles for {query}; generate more with --articles.")
    file = folder / f"{query}-{mode}.jsonl"
    file.write_bytes(b"\n".join(bodies) + b"\n")
    return BodyFile(query, file)


def send_repeatedly(
    server: BenchmarkServer, bodies: BodyFile, seconds: int, connections: int
) -> LoadRun:
    """Send bodies in rotation on many connections. Raises: RuntimeError."""
    before_s, load_before_s = server.cpu_s, _children_cpu_s()
    command = _command(server, bodies, "rotate", connections, f"{seconds}s")
    timeout_s = seconds + 2 * _TIMEOUT_S
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stderr.strip()[:500]}")
    return _run(_lines(done.stdout)[-1], server.cpu_s - before_s, _children_cpu_s() - load_before_s)


def send_once(server: BenchmarkServer, bodies: BodyFile) -> LoadRun:
    """Send each body once, one after the other. Raises: RuntimeError."""
    return _counted(server, bodies, "once", 1, _ONCE_TIMEOUT_S)


def send_twice(
    server: BenchmarkServer, bodies: BodyFile, longest_s: int, connections: int
) -> LoadRun:
    """Send each body twice, up to a time limit. Raises: RuntimeError."""
    return _counted(server, bodies, "twice", connections, longest_s)


def _counted(
    server: BenchmarkServer, bodies: BodyFile, mode: str, connections: int, longest_s: int
) -> LoadRun:
    """Send each body a fixed number of times."""
    before_s = server.cpu_s
    command = _command(server, bodies, mode, connections, f"{longest_s}s")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        assert wrk.stdout is not None
        first: dict[str, Any] = next(iter(_lines(_until_json(wrk))), {})
        server_cpu_s = server.cpu_s - before_s
        wrk.send_signal(signal.SIGINT)  # wrk itself sleeps on to the end of its time
        wrk.communicate(timeout=_TIMEOUT_S)
    return _run(first, server_cpu_s, load_cpu_s=0)  # it is not known before wrk ends


def _command(
    server: BenchmarkServer, bodies: BodyFile, mode: str, connections: int, duration: str
) -> Sequence[str]:
    wrk = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", duration]
    wrk += ["--timeout", f"{_TIMEOUT_S}s", "--script", str(_SCRIPT)]
    for name, value in server.variant.headers.items():
        wrk += ["--header", f"{name}: {value}"]
    url = f"http://127.0.0.1:{server.port}"
    script = [str(bodies.file), server.path(bodies.query), mode]
    return [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "taskset",
        "-c",
        str(LOAD_CORE),
        *wrk,
        url,
        "--",
        *script,
    ]


def _until_json(wrk: subprocess.Popen[str]) -> str:
    assert wrk.stdout is not None
    return next((line for line in wrk.stdout if line.startswith("{")), "")


def _lines(output: str) -> list[dict[str, Any]]:
    """The output of the script, without that of wrk itself."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def _run(said: dict[str, Any], server_cpu_s: float, load_cpu_s: float) -> LoadRun:
    if said.get("errors") or not said.get("duration_s"):
        raise RuntimeError(f"The load generator met errors, or got no answer in time: {said}")
    requests = said["requests"]
    return LoadRun(
        requests=requests,
        duration_s=said["duration_s"],
        server_cpu_s=server_cpu_s,
        load_cpu_s=load_cpu_s,
        mean_bytes=said.get("bytes", 0) // max(1, requests),
        p50_ms=said.get("p50_ms", 0),
        p99_ms=said.get("p99_ms", 0),
    )


def _children_cpu_s() -> float:
    """CPU time of all ended children; running servers do not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
