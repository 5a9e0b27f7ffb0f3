"""Servers under mixed load for a long time: `python -m tests.soak --minutes 30`."""

from tests.soak.run import Plan, run

__all__ = ["Plan", "run"]
