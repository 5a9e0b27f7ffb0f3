"""Stratified random draws: a deck deals each item before it deals one again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Deck(Generic[T]):
    """A shuffled deck, which is shuffled again when it is empty; items may repeat."""

    def __init__(self, rng: Random, items: Sequence[T]) -> None:
        self._rng = rng
        self._items = items
        self._left: list[T] = []

    def deal(self) -> T:
        """The next item."""
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()

    def deal_if(self, suits: Callable[[T], bool]) -> T:
        """The next suitable item; items before it stay next."""
        for _ in range(2):
            for place in range(len(self._left) - 1, -1, -1):
                if suits(self._left[place]):
                    return self._left.pop(place)
            self._left = self._rng.sample(self._items, len(self._items)) + self._left
        raise ValueError("No item of the deck suits.")
