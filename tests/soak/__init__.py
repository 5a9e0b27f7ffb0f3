"""Soak test: servers under mixed load for a long time (`python -m tests.soak --minutes 30`)."""

from tests.soak.run import SoakOptions, run

__all__ = ["SoakOptions", "run"]
