"""Caches bounded in bytes: one class for all of them, and the registry that `/metrics` lists.

A cache counts what it holds by a function of key and value, evicts what was not used lately, and
may admit a key only when it comes for the second time. Its counters are plain attributes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 280
"""What an entry takes beside its key and its value: its share of dicts and lists; measured."""


class CacheCounters(Protocol):
    """The figures of one cache, which every cache in a registry has.

    Attributes:
        name: The cache's label in metrics and documents.
        capacity_bytes: The most it may hold; 0 turns it off.
        size_bytes: What it holds now.
        entries: How many values that is.
        hits: Look-ups that found a value, since the start.
        misses: Look-ups that found none.
        evictions: Values that had to leave to make room.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # see above, as for the rest
    @property
    def capacity_bytes(self) -> int: ...  # noqa: D102
    @property
    def size_bytes(self) -> int: ...  # noqa: D102
    @property
    def entries(self) -> int: ...  # noqa: D102
    @property
    def hits(self) -> int: ...  # noqa: D102
    @property
    def misses(self) -> int: ...  # noqa: D102
    @property
    def evictions(self) -> int: ...  # noqa: D102


C = TypeVar("C", bound=CacheCounters)


class CacheRegistry:
    """The caches of one application, by name; made in the composition root."""

    def __init__(self) -> None:
        self._caches: dict[str, CacheCounters] = {}

    def add(self, cache: C) -> C:
        """List a cache. Raises: ValueError: another one has its name."""
        if cache.name in self._caches:
            raise ValueError(f"Two caches are named {cache.name}.")
        self._caches[cache.name] = cache
        return cache

    def __iter__(self) -> Iterator[CacheCounters]:
        return iter(self._caches.values())


class AdmissionFilter:
    """Recognizes keys that come again, among the last `size` to twice as many different ones.

    Most keys come once: to keep their values would cost more than to compute them, and would evict
    what is used often. Remembers hashes, some 100 bytes a key, which no cache counts; where two are
    the same, a key is admitted too early.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Whether this key has come before; from now on it has."""
        mark = hash(key)
        if mark in self._young:
            return True
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        self._young.add(mark)
        return mark in self._old


class ByteCache(Generic[K, V]):
    """A cache whose values, none of them None, take at most `capacity_bytes` together.

    There are two generations. A value is put in the young one, and moved there again when it is
    found in the old one. A young one that has half the room joins the old one's end; values are
    evicted at the old one's beginning, one at a time. So a value that is used stays, and a hit on a
    young value writes nothing but a counter.

    Attributes:
        name: See `CacheCounters`, as for the rest.
        capacity_bytes: 0 keeps nothing.
        size_bytes: The sum of the values' sizes, counted when each was put or resized.
        hits: Look-ups that found a value.
        misses: Look-ups that found none.
        evictions: Values that left to make room.
    """

    __slots__ = (
        "_admission",
        "_old",
        "_on_evict",
        "_size_of",
        "_sized_keys",
        "_young",
        "_young_bytes",
        "capacity_bytes",
        "evictions",
        "hits",
        "misses",
        "name",
        "size_bytes",
    )

    def __init__(
        self,
        name: str,
        capacity_bytes: int,
        size_of: Callable[[K, V], int],
        *,
        admission_keys: int = 0,
        on_evict: Callable[[V], None] | None = None,
    ) -> None:
        """An empty cache.

        Args:
            name: Its label.
            capacity_bytes: Its bound, which includes `ENTRY_BYTES` for each entry.
            size_of: What a key and its value take, in bytes.
            admission_keys: 0 keeps every value; a number n keeps one only if its key has been put
                before, among the last n different keys.
            on_evict: Called with each value that leaves to make room. Somebody may still use it.
        """
        self.name = name
        self.capacity_bytes = capacity_bytes
        self.size_bytes = self.hits = self.misses = self.evictions = 0
        self._size_of = size_of
        self._admission = AdmissionFilter(admission_keys) if admission_keys else None
        self._on_evict = on_evict
        self._young: dict[K, V] = {}
        self._young_bytes = 0
        self._old: OrderedDict[K, V] = OrderedDict()
        # The key as it was put, which is the one to keep: an equal one would be a second long text.
        self._sized_keys: dict[K, tuple[K, int]] = {}

    @property
    def entries(self) -> int:
        """How many values it holds."""
        return len(self._sized_keys)

    def __contains__(self, key: K) -> bool:
        """Whether there is a value, without counting as a look-up."""
        return key in self._sized_keys

    def get(self, key: K) -> V | None:
        """The value under a key; None on a miss."""
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is None:
                self.misses += 1
                return None
            self._add(value, *self._sized_keys[key])
        self.hits += 1
        return value

    def put(self, key: K, value: V) -> bool:
        """Keep a value, in place of any under its key, unless it is too large or not admitted.

        Returns whether it is kept.
        """
        known = self._sized_keys.get(key)
        if known is not None:
            key = known[0]
            self._remove(key)
        elif not self._admits(key):
            return False
        size_bytes = self._size_of(key, value) + ENTRY_BYTES
        if size_bytes > self.capacity_bytes:
            return False
        self._make_room(size_bytes)
        self._sized_keys[key] = key, size_bytes
        self.size_bytes += size_bytes
        self._add(value, key, size_bytes)
        return True

    def resize(self, key: K, value: V) -> None:
        """Count a value anew that has grown; nothing happens where it is not kept."""
        if self._young.get(key) is value or self._old.get(key) is value:
            self.put(key, value)

    def clear(self) -> None:
        """Remove all values, which is no eviction."""
        self._young, self._old, self._sized_keys = {}, OrderedDict(), {}
        self.size_bytes = self._young_bytes = 0

    def _admits(self, key: K) -> bool:
        if not self.capacity_bytes:
            return False
        return self._admission is None or self._admission.admits(key)

    def _add(self, value: V, key: K, size_bytes: int) -> None:
        """Put a value in the young generation, which may be full by that."""
        self._young[key] = value
        self._young_bytes += size_bytes
        if self._young_bytes * 2 > self.capacity_bytes:
            self._age()

    def _age(self) -> None:
        """Begin a young generation."""
        self._old.update(self._young)
        self._young, self._young_bytes = {}, 0

    def _remove(self, key: K) -> None:
        """Take a value out, wherever it is."""
        size_bytes = self._sized_keys.pop(key)[1]
        self.size_bytes -= size_bytes
        if self._young.pop(key, None) is None:
            del self._old[key]
        else:
            self._young_bytes -= size_bytes

    def _make_room(self, size_bytes: int) -> None:
        """Evict until this many bytes more fit."""
        while self.size_bytes + size_bytes > self.capacity_bytes:
            if not self._old:  # what is to come is larger than half the room
                self._age()
            key, value = self._old.popitem(last=False)
            self.size_bytes -= self._sized_keys.pop(key)[1]
            self.evictions += 1
            if self._on_evict is not None:
                self._on_evict(value)
