"""A server under attack: a process with default settings on a copy of a store."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gql.access import KeyFile
from gql.identity.viewer import Permission
from tests.benchmarks.http.data import make_data

ROOT = Path(__file__).parents[3]
_IDLE_FOR_S, _IDLE_SHARE, _DRAIN_S = 0.1, 0.05, 60


@dataclass(frozen=True)
class AttackedServer:
    """A running server.

    Attributes:
        port: The port.
        process: The process.
        key: An API key with the scope WRITE.
        log: The file of its log.
    """

    port: int
    process: subprocess.Popen[str]
    key: str
    log: Path

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far, in seconds; 0 if it has ended."""
        # The clock of a process: what clock_getcpuclockid(3) returns, which Python lacks.
        return 0.0 if self.has_ended else time.clock_gettime((~self.pid << 3) | 2)

    @property
    def rss_mb(self) -> float:
        """The resident set, in MB; 0 if it has ended."""
        if self.has_ended:
            return 0.0
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def log_bytes(self) -> int:
        """The size of its log, in bytes."""
        return self.log.stat().st_size

    def drain(self) -> None:
        """Wait until it no longer works on abandoned requests."""
        deadline = time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline:
            before_s = self.cpu_s
            time.sleep(_IDLE_FOR_S)
            if self.cpu_s - before_s < _IDLE_FOR_S * _IDLE_SHARE:
                return


def generated_store(data: Path, articles: int) -> Path:
    """The file of a store with this number of generated articles, generated if missing."""
    store = data / f"store-{articles}.json"
    if not store.exists():
        data.mkdir(parents=True, exist_ok=True)
        store = make_data(data, articles, for_peer=False).store
    return store


@contextmanager
def run_server(store: Path, work: Path, repo: Path = ROOT) -> Iterator[AttackedServer]:
    """Run a server of the checkout `repo` on a copy of a store, until the block ends.

    Raises: RuntimeError: it does not start.
    """
    folder = work / "server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in (store, store.with_name(store.name + ".log")):
        if file.exists():
            shutil.copy(file, folder / file.name)
    key, _ = KeyFile(folder / "keys.json").add("abuse", [Permission.WRITE])
    log = folder / "log.txt"
    command = [sys.executable, "-m", "gql", "serve", "--port", "0"]
    command += ["--store", str(folder / store.name), "--keys", str(folder / "keys.json")]
    mine = {name: value for name, value in os.environ.items() if not name.startswith("NEWSGRAPH_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**mine, "PYTHONPATH": str(repo), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/graphql", said)):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"The server did not start:\n{said}{log.read_text()[-2_000:]}")
            said += line
        yield AttackedServer(int(found[1]), process, key, log)
    finally:
        process.kill()
        process.communicate()
