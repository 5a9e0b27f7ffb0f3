"""How much keys made of clients' values take: clients choose how long they are."""

from __future__ import annotations

from typing import Any


def key_bytes(key: Any) -> int:
    """What a key made of clients' values takes, about."""
    if isinstance(key, tuple):
        return 60 + sum(map(key_bytes, key))
    return 60 + len(key) if isinstance(key, str | bytes) else 30
