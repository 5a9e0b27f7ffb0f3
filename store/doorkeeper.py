"""What comes again, told from what comes once."""

from __future__ import annotations

from collections.abc import Hashable


class Doorkeeper:
    """Tells what comes again from what comes once, among the last `size` to twice as many keys.

    Most of what is asked is asked once: to keep that would cost more than to find it out, and drive
    out what is asked often. Remembers hashes, some 70 bytes a key; two keys with the same one are
    taken for the same, which lets in one too early.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def has_seen(self, key: Hashable) -> bool:
        """Whether this key has come before; from now on it has."""
        mark = hash(key)
        if mark in self._young:
            return True
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        self._young.add(mark)
        return mark in self._old
