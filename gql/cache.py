"""Caches bounded in bytes: one class for all of them, and the registry that `/metrics` lists.

A cache measures its entries by a function of key and value. It evicts those that were not used
lately, and may admit a key only when it is put for the second time. Counters are plain attributes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 280
"""The overhead of an entry, beside its key and value: its share of dicts and lists; measured."""


class CacheCounters(Protocol):
    """The counters of one cache, which every cache in a registry has.

    Attributes:
        name: The cache's label in metrics and documents.
        capacity_bytes: The bound of its size; 0 disables it.
        size_bytes: Its present size.
        entries: The number of its values.
        hits: Cache hits since the start.
        misses: Cache misses since the start.
        evictions: Values evicted since the start.
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
        """Register a cache and return it. Raises: ValueError: its name is taken."""
        if cache.name in self._caches:
            raise ValueError(f"Two caches are named {cache.name}.")
        self._caches[cache.name] = cache
        return cache

    def __iter__(self) -> Iterator[CacheCounters]:
        return iter(self._caches.values())


class AdmissionFilter:
    """An admission filter: recognizes a key that is put again within `size` to 2 * `size` new keys.

    Most keys are put once. Their values would cost more memory than computing them again is worth,
    and would evict values that are used often. The filter stores hashes, about 100 bytes a key,
    which no cache counts. On a hash collision a key is admitted too early.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def admits(self, key: Hashable) -> bool:
        """Whether this key was put before; records it."""
        digest = hash(key)
        if digest in self._young:
            return True
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        self._young.add(digest)
        return digest in self._old


class ByteCache(Generic[K, V]):
    """A cache bounded in bytes that evicts the least recently used values. No value is None.

    There are two generations. A new value is young, and a hit on an old value makes it young again.
    When the young generation fills half the capacity, it is appended to the old one. Values are
    evicted from the old one's beginning, one at a time. So this is nearly LRU, and a hit on a young
    value only increments a counter.

    Attributes:
        name: See `CacheCounters`, as for the rest.
        capacity_bytes: 0 disables it.
        size_bytes: The sum of the entries' sizes, measured when each was put or resized.
        hits: Cache hits.
        misses: Cache misses.
        evictions: Values evicted to make room.
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
            size_of: The size of a key and its value, in bytes.
            admission_keys: 0 admits every value; a number n admits one only if its key has been put
                before, among the last n different keys.
            on_evict: Called with each evicted value, which may still be in use.
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
        # The key object as it was put: an equal one would be a second copy of a long text.
        self._sized_keys: dict[K, tuple[K, int]] = {}

    @property
    def entries(self) -> int:
        """The number of its values."""
        return len(self._sized_keys)

    def __contains__(self, key: K) -> bool:
        """Whether there is a value; counts as neither hit nor miss."""
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
        """Store a value, replacing any under its key, unless it is too large or not admitted.

        Returns whether it was stored.
        """
        sized_key = self._sized_keys.get(key)
        if sized_key is not None:
            key = sized_key[0]
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
        """Measure a value again that has grown; a no-op where it is not cached."""
        if self._young.get(key) is value or self._old.get(key) is value:
            self.put(key, value)

    def clear(self) -> None:
        """Remove all values; counts no evictions."""
        self._young, self._old, self._sized_keys = {}, OrderedDict(), {}
        self.size_bytes = self._young_bytes = 0

    def _admits(self, key: K) -> bool:
        if not self.capacity_bytes:
            return False
        return self._admission is None or self._admission.admits(key)

    def _add(self, value: V, key: K, size_bytes: int) -> None:
        """Add a value to the young generation, which ends when it is full."""
        self._young[key] = value
        self._young_bytes += size_bytes
        if self._young_bytes * 2 > self.capacity_bytes:
            self._age()

    def _age(self) -> None:
        """Append the young generation to the old one, and begin a new one."""
        self._old.update(self._young)
        self._young, self._young_bytes = {}, 0

    def _remove(self, key: K) -> None:
        """Remove a value from its generation."""
        size_bytes = self._sized_keys.pop(key)[1]
        self.size_bytes -= size_bytes
        if self._young.pop(key, None) is None:
            del self._old[key]
        else:
            self._young_bytes -= size_bytes

    def _make_room(self, size_bytes: int) -> None:
        """Evict until this many bytes more fit."""
        while self.size_bytes + size_bytes > self.capacity_bytes:
            if not self._old:  # the new value is larger than half the capacity
                self._age()
            key, value = self._old.popitem(last=False)
            self.size_bytes -= self._sized_keys.pop(key)[1]
            self.evictions += 1
            if self._on_evict is not None:
                self._on_evict(value)
