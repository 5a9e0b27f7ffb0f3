"""Keyset pagination: the slice of an ordered list that a window selects, and its page flags."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from store.errors import WindowError

from .cursors import KeysetPosition
from .query import Page, Window

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CursorDecoder = Callable[[str], KeysetPosition]
ItemFilter = Callable[[T], bool]
"""Whether an item belongs to the filtered list."""


class OrderedList(Protocol[T_co]):
    """A list of items in ascending order of their positions."""

    def __len__(self) -> int:
        """The number of items."""
        ...

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """The insertion point: the number of items before a position; if `inclusive`, and at it."""
        ...

    def slice(self, start: int, end: int) -> Sequence[T_co]:
        """The items from one index to before another."""
        ...


class SortedItems(Generic[T]):
    """An ordered list of entries: (*position, item), sorted."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[tuple[Any, ...]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._entries)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `OrderedList`."""
        *keys, id = position
        # The least text after an id is the id with a NUL.
        return bisect_left(self._entries, (*keys, f"{id}\0") if inclusive else position)

    def slice(self, start: int, end: int) -> list[T]:
        """See `OrderedList`."""
        return [entry[-1] for entry in self._entries[start:end]]


def check_window(window: Window) -> None:
    """Raise WindowError unless exactly one size is given, and it is not negative."""
    size = window.last if window.first is None else window.first
    if size is None or (window.first is not None and window.last is not None):
        raise WindowError("Give either first or last.")
    if size < 0:
        raise WindowError(f"The page size {size} is negative; use 0 or more.")


def reversed_window(window: Window) -> Window:
    """The window that selects the same items of the reversed list."""
    return Window(first=window.last, after=window.before, last=window.first, before=window.after)


_BLOCK = 16
"""The size of the first block of a filtered scan; each block is twice the last."""

_MAX_BLOCK = 4_096


class PageSlice(NamedTuple, Generic[T]):
    """The slice of a list that a window selects.

    Attributes:
        items: the items, ascending.
        has_before: whether there are items before them.
        has_after: whether there are items after them.
        start: the index of the first item; None for a filtered list.
    """

    items: Sequence[T]
    has_before: bool
    has_after: bool
    start: int | None = None


def paginate(items: OrderedList[T], window: Window, decode: CursorDecoder) -> Page[T]:
    """The page that a window selects, with the total. Raises: WindowError, CursorError."""
    check_window(window)
    part = slice_page(items, window, decode)
    return Page(part.items, part.has_before, part.has_after, total=len(items))


def slice_page(
    items: OrderedList[T],
    window: Window,
    decode: CursorDecoder,
    accept: ItemFilter[T] | None = None,
) -> PageSlice[T]:
    """The slice that a window selects of a list, or of its accepted items.

    Cursors that cross give an empty slice, at the cursor from which the window counts. Reads no
    more of the list than the flags need. Raises: CursorError.
    """
    size = len(items)
    start = 0 if window.after is None else items.index(decode(window.after), inclusive=True)
    end = size if window.before is None else items.index(decode(window.before), inclusive=False)
    if start > end:
        start = end = start if window.last is None else end
    if accept is not None:
        return _FilteredScan(items, accept).slice(window, start, end)
    if window.last is None:
        end = min(end, start + (window.first or 0))
    else:
        start = max(start, end - window.last)
    return PageSlice(items.slice(start, end), start > 0, end < size, start)


class _ScanResult(NamedTuple, Generic[T]):
    """The accepted items of a scan.

    Attributes:
        items: the items in the order of the scan.
        stopped_at: the index at which the scan stopped.
        has_more: whether the last block had more accepted items.
    """

    items: list[T]
    stopped_at: int
    has_more: bool


class _FilteredScan(Generic[T]):
    """A scan of a list for accepted items."""

    def __init__(self, items: OrderedList[T], accept: ItemFilter[T]) -> None:
        self._list = items
        self._accept = accept

    def slice(self, window: Window, start: int, end: int) -> PageSlice[T]:
        """The slice that a window selects of the accepted items from `start` to before `end`."""
        size = len(self._list)
        if window.last is None:
            scan = self._scan(start, end, window.first or 0, forward=True)
            has_before = self._any(0, start, forward=False)
            has_after = scan.has_more or self._any(scan.stopped_at, size, forward=True)
            return PageSlice(scan.items, has_before, has_after)
        scan = self._scan(start, end, window.last, forward=False)
        has_before = scan.has_more or self._any(0, scan.stopped_at, forward=False)
        has_after = self._any(end, size, forward=True)
        return PageSlice(scan.items[::-1], has_before, has_after)

    def _scan(self, start: int, end: int, count: int, *, forward: bool) -> _ScanResult[T]:
        """Scan for up to `count` accepted items."""
        items: list[T] = []
        size = _BLOCK + count + count // 8
        while start < end and len(items) < count:
            if forward:
                block = self._list.slice(start, min(end, start + size))
                start += len(block)
            else:
                block = self._list.slice(max(start, end - size), end)[::-1]
                end -= len(block)
            items += filter(self._accept, block)
            size = min(2 * size, _MAX_BLOCK)
        stopped_at = start if forward else end
        return _ScanResult(items[:count], stopped_at, len(items) > count)

    def _any(self, start: int, end: int, *, forward: bool) -> bool:
        return bool(self._scan(start, end, 1, forward=forward).items)
