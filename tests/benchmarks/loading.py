"""The time to load a folder and to restart: whole processes, from start to end.

`python -m tests.benchmarks.loading [--count 10000] [--rounds 3]`

Each round loads a new store (first load), loads again without changes, and serves from the store
until a query succeeds (second start). Peak memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.benchmarks.corpus import write_corpus

START_TIMEOUT_S = 300
STEP_S = 0.005


class ProcessRun(NamedTuple):
    """A process: wall time, CPU time of it and its children, and its peak memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(command: Sequence[str], until: Callable[[], bool] | None = None) -> ProcessRun:
    """Run a command to its end, or stop it when a condition holds."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall_s = None
    if until is not None:
        while not until():
            if time.perf_counter() - started > START_TIMEOUT_S:
                process.kill()
                raise TimeoutError(f"{command} did not start")
            time.sleep(STEP_S)
        wall_s = time.perf_counter() - started
        process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if until is None and process.returncode:
        raise RuntimeError(f"{command} failed with {process.returncode}")
    return ProcessRun(
        wall_s or time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
    )


def is_serving(port: int) -> bool:
    """Whether a server on this port responds to a query."""
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request(
            "POST",
            "/graphql",
            b'{"query": "{ articles { totalCount } }"}',
            {"content-type": "application/json"},
        )
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def one_round(folder: Path, progress: Callable[[str], None]) -> dict[str, ProcessRun]:
    """The three measurements, on a new store."""
    newsgraph = [sys.executable, "-m", "gql"]
    store = ["--store", str(folder.parent / "store.json")]
    Path(store[1]).unlink(missing_ok=True)
    runs = {}
    runs["first load"] = measure([*newsgraph, "load", str(folder), *store])
    progress(f"first load {runs['first load'].wall_s:.2f} s")
    runs["load again, nothing changed"] = measure([*newsgraph, "load", str(folder), *store])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [*newsgraph, "serve", str(folder), *store, "--port", str(port)]
    runs["second start, until a query is answered"] = measure(serve, lambda: is_serving(port))
    progress(f"second start {runs['second start, until a query is answered'].wall_s:.2f} s")
    return runs


def report(rounds: Sequence[dict[str, ProcessRun]], count: int, console: Console) -> None:
    """Medians, and the range of the wall times."""
    table = Table("", "wall s", "min-max", "CPU s", "peak MB")
    for name in rounds[0]:
        runs = [each[name] for each in rounds]
        wall = [run.wall_s for run in runs]
        table.add_row(
            name,
            f"{statistics.median(wall):.2f}",
            f"{min(wall):.2f}-{max(wall):.2f}",
            f"{statistics.median(run.cpu_s for run in runs):.2f}",
            f"{max(run.peak_mb for run in runs):.0f}",
        )
    console.print(table)
    console.print(f"{count:,} documents, {os.cpu_count()} cores, medians of {len(rounds)} rounds.")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="documents (default 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    options = parser.parse_args()
    console = Console()
    scratch = Path(tempfile.mkdtemp(prefix="newsgraph-bench-"))
    try:
        write_corpus(scratch / "articles", options.count)
        console.print(f"wrote {options.count:,} documents")
        rounds = [
            one_round(scratch / "articles", lambda line: console.print(f"  {line}"))
            for _ in range(options.rounds)
        ]
        report(rounds, options.count, console)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
