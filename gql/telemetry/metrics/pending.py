"""Pending counts: requests that were counted, but not yet added to the metrics.

prometheus-client takes some microseconds for each increment, which is much beside a fast request,
and less for many at once.
"""

from __future__ import annotations

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""The upper bounds of the buckets of the duration histogram, in seconds."""


class PendingCounts:
    """The pending counts of requests with the same labels.

    Attributes:
        buckets: The number of requests for each bucket of durations, the last without a bound.
        duration_s: The sum of their durations, in seconds.
        size_bytes: The sum of the sizes of their response bodies, in bytes.
        operations: The number of GraphQL operations.
    """

    __slots__ = ("buckets", "duration_s", "operations", "size_bytes")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Reset all counts to zero."""
        self.buckets = [0] * (len(BUCKETS_S) + 1)
        self.duration_s = 0.0
        self.size_bytes = 0
        self.operations = 0
