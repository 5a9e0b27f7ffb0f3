"""Samples of the resource usage of servers, and the plateau of memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.soak.servers import RestartableServer

_PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH_SHARE, GROWTH_MB = 0.05, 8.0


class ResourceUsage(msgspec.Struct):
    """The resource usage of a server, summed over its processes."""

    rss_mb: float = 0
    descriptors: int = 0
    threads: int = 0


class Sample(msgspec.Struct):
    """A sample of a soak test.

    Attributes:
        at_s: The time since the start.
        usages: The resource usage of each server, by name.
        p99_ms: The 99th percentile of the permanent server's latencies since the last sample.
        requests: The number of its responses since the last sample.
        errors: The number of errors so far.
    """

    at_s: float
    usages: dict[str, ResourceUsage]
    p99_ms: float
    requests: int
    errors: int


class Plateau(NamedTuple):
    """The growth of memory in the second half of a run, by linear regression.

    Attributes:
        mean_mb: The mean.
        growth_mb: The rise of the line.
    """

    mean_mb: float
    growth_mb: float

    @property
    def is_reached(self) -> bool:
        """Whether the growth is at most 5 % of the mean, or 8 MB."""
        return self.growth_mb <= max(GROWTH_SHARE * self.mean_mb, GROWTH_MB)


def measure_usage(server: RestartableServer) -> ResourceUsage:
    """The current resource usage of a server."""
    usage = ResourceUsage()
    for pid in server.pids():
        with suppress(OSError):
            process = Path(f"/proc/{pid}")
            usage.rss_mb += int((process / "statm").read_text().split()[1]) * _PAGE / 1e6
            usage.descriptors += len(list((process / "fd").iterdir()))
            usage.threads += len(list((process / "task").iterdir()))
    return usage


def plateau(samples: Sequence[Sample], name: str) -> Plateau:
    """The plateau of the server with this name."""
    half = samples[len(samples) // 2 :]
    times = [sample.at_s for sample in half]
    values = [sample.usages[name].rss_mb for sample in half]
    if len(half) < 2:
        return Plateau(sum(values), 0)
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True)) / spread
    return Plateau(mean, slope * (times[-1] - times[0]))
