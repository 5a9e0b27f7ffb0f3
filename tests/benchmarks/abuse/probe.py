"""A probe: a small query in lock step on one connection, each response timed.

A server responds to it in the turn of the event loop in which it is read, so its wait is how long
the loop was blocked; `/healthz` takes a few turns, each of which may come after another request.
`python -m tests.benchmarks.abuse.probe PORT PID` runs until its standard input ends, and prints a
JSON array of [wall time, CPU time of the server meanwhile], in milliseconds. The smaller of both is
how long the server was busy: time in which the machine ran other programs does not count.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

_BODY = b'{"query":"{articles(first:1){nodes{id}}}"}'
_QUERY = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)
_EVERY_S = 0.002
_TIMEOUT_S = 300


class WaitTimes(NamedTuple):
    """The waits of the probe, in milliseconds.

    Attributes:
        answers: The number of responses.
        p50: The median.
        p99: The 99th percentile.
        longest: The maximum.
        hold: The most CPU time of the server during a wait.
    """

    answers: int = 0
    p50: float = 0
    p99: float = 0
    longest: float = 0
    hold: float = 0

    @classmethod
    def of(cls, samples: list[tuple[float, float]]) -> WaitTimes:
        """The wait times of samples."""
        if not samples:
            return cls()
        walls = sorted(wall for wall, _ in samples)
        return cls(
            answers=len(walls),
            p50=walls[len(walls) // 2],
            p99=walls[min(len(walls) - 1, int(len(walls) * 0.99))],
            longest=walls[-1],
            hold=max(min(sample) for sample in samples),
        )


class Probe:
    """A running probe.

    Attributes:
        waits: The wait times, set when the probe has ended.
    """

    waits = WaitTimes()


@contextmanager
def run_probe(port: int, pid: int) -> Iterator[Probe]:
    """Run a probe in a process of its own until the block ends."""
    command = [sys.executable, "-m", __name__, str(port), str(pid)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[3], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        probe = Probe()
        try:
            yield probe
        finally:
            said, _ = process.communicate()
        probe.waits = WaitTimes.of([(wall, used) for wall, used in json.loads(said or b"[]")])


def _samples(port: int, pid: int) -> Iterator[tuple[float, float]]:
    clock = (~pid << 3) | 2  # as Server.cpu_s; a probe imports nothing that takes long
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _exchange(opened)  # it has been accepted
        print("begun", flush=True)
        while not select.select([sys.stdin], [], [], _EVERY_S)[0]:
            began, used = time.perf_counter(), time.clock_gettime(clock)
            if not _exchange(opened):
                return
            wall, used = time.perf_counter() - began, time.clock_gettime(clock) - used
            yield round(wall * 1e3, 3), round(used * 1e3, 3)


def _exchange(opened: socket.socket) -> bytes:
    opened.sendall(_QUERY)
    return opened.recv(65_536)


def main() -> None:
    """Probe until standard input ends."""
    samples: list[tuple[float, float]] = []
    with suppress(OSError):  # the server has ended
        samples.extend(_samples(int(sys.argv[1]), int(sys.argv[2])))
    print(json.dumps(samples), flush=True)


if __name__ == "__main__":
    main()
