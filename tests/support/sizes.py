"""Sizes of slow tests: a small one, and a large one for the profile `long`."""

from __future__ import annotations

from hypothesis import settings


def scaled(default: int, *, long: int) -> int:
    """The number of examples, rounds or states of a test: `long` in CI and under `make test-long`.

    Modules call it when they are imported; pytest has loaded the profile by then.
    """
    return long if settings.get_current_profile_name() == "long" else default
