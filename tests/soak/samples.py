"""What the processes of the servers use, sampled, and whether it reaches a plateau."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.soak.servers import Server

_PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH_SHARE, GROWTH_MB = 0.05, 8.0


class Use(msgspec.Struct):
    """What the processes of one server use together."""

    rss_mb: float = 0
    descriptors: int = 0
    threads: int = 0


class Sample(msgspec.Struct):
    """A moment of a soak.

    Attributes:
        at_s: When, from the beginning.
        uses: What each server uses, by its name.
        p99_ms: The 99th percentile of the steady server's latencies since the sample before.
        requests: How many it answered since then.
        errors: How many errors there were until now.
    """

    at_s: float
    uses: dict[str, Use]
    p99_ms: float
    requests: int
    errors: int


class Plateau(NamedTuple):
    """How much memory grew over the second half of a run, by a line through its samples.

    Attributes:
        mean_mb: The mean.
        growth_mb: How much the line rises.
    """

    mean_mb: float
    growth_mb: float

    @property
    def is_reached(self) -> bool:
        """Whether it is at most a twentieth of the mean, or 8 MB."""
        return self.growth_mb <= max(GROWTH_SHARE * self.mean_mb, GROWTH_MB)


def use_of(server: Server) -> Use:
    """What a server's processes use now."""
    use = Use()
    for pid in server.pids():
        with suppress(OSError):
            process = Path(f"/proc/{pid}")
            use.rss_mb += int((process / "statm").read_text().split()[1]) * _PAGE / 1e6
            use.descriptors += len(list((process / "fd").iterdir()))
            use.threads += len(list((process / "task").iterdir()))
    return use


def plateau(samples: Sequence[Sample], name: str) -> Plateau:
    """The plateau of a server that was not restarted."""
    half = samples[len(samples) // 2 :]
    times = [sample.at_s for sample in half]
    values = [sample.uses[name].rss_mb for sample in half]
    if len(half) < 2:
        return Plateau(sum(values), 0)
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values, strict=True)) / spread
    return Plateau(mean, slope * (times[-1] - times[0]))
