"""Comparing the private interfaces of a library with those that an adapter was written for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest


def parameters(function: Callable[..., Any]) -> str:
    """The names of a function's parameters, without `self`."""
    return " ".join(name for name in inspect.signature(function).parameters if name != "self")


def fail(library: str, written_for: str, what: str, look_at: str) -> None:
    """Fail with a message for whoever upgrades a library."""
    pytest.fail(
        f"{what} has changed. The adapter was written for {library} {written_for}; "
        f"installed is {version(library)}. Look at {look_at}, adapt it to the new interface, "
        "run its tests, and set WRITTEN_FOR to the new version.",
        pytrace=False,
    )
