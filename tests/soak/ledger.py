"""What the clients of a soak have seen, from all threads."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress

_KEPT_ERRORS = 50


class Ledger:
    """Counts, latencies, errors, and the writes that were acknowledged.

    Attributes:
        counts: How often each thing was done.
        errors: The first errors, in words.
        error_count: How many there were.
        written: The cursor of each acknowledged write, and what it was.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: list[str] = []
        self.error_count = 0
        self.written: dict[str, str] = {}
        self._latencies: list[float] = []
        self._lock = threading.Lock()

    def count(self, what: str, times: int = 1) -> None:
        """Something was done."""
        with self._lock:
            self.counts[what] += times

    def answered(self, what: str, took_s: float | None) -> None:
        """A request was answered; None where its latency tells nothing."""
        with self._lock:
            self.counts[what] += 1
            if took_s is not None:
                self._latencies.append(took_s)

    def error(self, said: str) -> None:
        """Something is not as it should be."""
        with self._lock:
            self.error_count += 1
            if len(self.errors) < _KEPT_ERRORS:
                self.errors.append(said[:500])

    def acknowledged(self, cursor: str, what: str) -> None:
        """A write was acknowledged."""
        with self._lock:
            self.written[cursor] = what

    def take_latencies(self) -> list[float]:
        """The latencies since this was last called, in seconds, sorted."""
        with self._lock:
            taken, self._latencies = self._latencies, []
        return sorted(taken)


def p99(latencies: list[float]) -> float:
    """The 99th percentile of sorted values; 0 of none."""
    with suppress(IndexError):
        return latencies[int(len(latencies) * 0.99)]
    return 0.0
