"""The size of cache keys that contain values of clients, who choose how long these are."""

from __future__ import annotations

from typing import Any


def key_bytes(key: Any) -> int:
    """The approximate size of a cache key in bytes."""
    if isinstance(key, tuple):
        return 60 + sum(map(key_bytes, key))
    return 60 + len(key) if isinstance(key, str | bytes) else 30
