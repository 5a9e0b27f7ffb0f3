"""The servers of the soak test: processes on a shared store and folder."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.server_process import environment, free_port

_READY_S, _STOP_S = 60, 30
_GRACE_S = 2.0


class RestartableServer:
    """A newsgraph server that can be stopped and started again on the same port.

    Attributes:
        name: The name in the report.
        port: The port.
        is_permanent: Whether it is never restarted, so that its latencies count.
        restarts: The times of its restarts, by `time.monotonic`.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], folder: Path, *, is_permanent: bool
    ) -> None:
        self.name = name
        self.is_permanent = is_permanent
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self.restarts: list[float] = []
        self._arguments = arguments
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._outages: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    def start(self, workers: int = 1) -> None:
        """Start it, and wait until it is ready. Raises: RuntimeError."""
        command = [sys.executable, "-m", "gql", "serve", *self._arguments]
        command += ["--port", str(self.port), "--workers", str(workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text()[-2_000:]}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_READY_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self, how: signal.Signals) -> bool:
        """Stop it and its workers; whether it stopped in time by itself."""
        if self._process is None:
            return True
        if how is signal.SIGKILL:
            os.killpg(self._process.pid, how)
        else:
            self._process.send_signal(how)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            return False
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        return True

    def restart(self, how: signal.Signals, workers: int) -> bool:
        """Stop and start it; whether it stopped in time by itself."""
        began = time.monotonic()
        self.restarts.append(began)
        with self._lock:
            self._outages.append((began, float("inf")))
        has_ended = self.end(how)
        self.start(workers)
        with self._lock:
            self._outages[-1] = (began, time.monotonic() + _GRACE_S)
        return has_ended

    def was_down_since(self, began: float) -> bool:
        """Whether it was down at some time since `began`."""
        now = time.monotonic()
        with self._lock:
            return any(start <= now and began <= end for start, end in self._outages)

    def pids(self) -> list[int]:
        """The ids of its processes."""
        process = self._process
        found: list[int] = []
        waiting = [process.pid] if process is not None else []
        while waiting:
            pid = waiting.pop()
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
                found.append(pid)
                waiting += map(int, children.split())
        return found
