"""The recorded results of all clients."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress

_KEPT_ERRORS = 50


class Recorder:
    """Counts, latencies, errors and acknowledged writes; thread-safe.

    Attributes:
        counts: The number of actions by kind.
        errors: The first error messages.
        error_count: The number of errors.
        writes: A description of each acknowledged write, by its cursor.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self.error_count = 0
        self.writes: dict[str, str] = {}
        self._latencies: list[float] = []
        self._lock = threading.Lock()

    def count(self, what: str, times: int = 1) -> None:
        """Count an action."""
        with self._lock:
            self.counts[what] += times

    def record_response(self, what: str, took_s: float | None) -> None:
        """Count a response; `took_s` is None if its latency does not count."""
        with self._lock:
            self.counts[what] += 1
            if took_s is not None:
                self._latencies.append(took_s)

    def record_error(self, message: str) -> None:
        """Record an error."""
        with self._lock:
            self.error_count += 1
            if len(self.errors) < _KEPT_ERRORS:
                self.errors.append(message[:500])

    def record_write(self, cursor: str, what: str) -> None:
        """Record an acknowledged write."""
        with self._lock:
            self.writes[cursor] = what

    def take_latencies(self) -> list[float]:
        """The sorted latencies since the last call, in seconds."""
        with self._lock:
            taken, self._latencies = self._latencies, []
        return sorted(taken)


def p99(latencies: list[float]) -> float:
    """The 99th percentile of sorted values; 0 if there are none."""
    with suppress(IndexError):
        return latencies[int(len(latencies) * 0.99)]
    return 0.0
