"""Windows on ordered lists: which part is shown, and whether more lies around it."""

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
"""Whether an item is wanted."""


class OrderedList(Protocol[T_co]):
    """A list of items, ascending in some order."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """How many stand before this position; with the one that stands there, if `behind`."""
        ...

    def slice(self, start: int, end: int) -> Sequence[T_co]:
        """The items from one index to before another."""
        ...


class SortedItems(Generic[T]):
    """Items with their positions, sorted: (*position, item)."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[tuple[Any, ...]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._entries)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `OrderedList`."""
        *keys, id = position
        # No text lies between an id and the id with a NUL, so this is the place just behind it.
        return bisect_left(self._entries, (*keys, f"{id}\0") if inclusive else position)

    def slice(self, start: int, end: int) -> list[T]:
        """See `OrderedList`."""
        return [entry[-1] for entry in self._entries[start:end]]


def check_window(window: Window) -> None:
    """Raise WindowError unless exactly one size is given, and it is not negative."""
    size = window.last if window.first is None else window.first
    if size is None or (window.first is not None and window.last is not None):
        raise WindowError("A window takes either first or last.")
    if size < 0:
        raise WindowError(f"A window of {size} items cannot be; use 0 or more.")


def reversed_window(window: Window) -> Window:
    """The window that shows the same part of the same list read backwards."""
    return Window(first=window.last, after=window.before, last=window.first, before=window.after)


_BLOCK = 16
"""How many items are looked at first where one is sought; each block is twice the last."""

_MAX_BLOCK = 4_096


class PageSlice(NamedTuple, Generic[T]):
    """What a window shows of a list.

    Attributes:
        items: the items, ascending.
        has_before: whether there are others before them.
        has_after: whether there are others behind them.
        start: the index of the first item in the list, where none was passed over.
    """

    items: Sequence[T]
    has_before: bool
    has_after: bool
    start: int | None = None


def paginate(listing: OrderedList[T], window: Window, decode: CursorDecoder) -> Page[T]:
    """The page of a list that a window shows, with the total. Raises: WindowError, CursorError."""
    check_window(window)
    part = slice_page(listing, window, decode)
    return Page(part.items, part.has_before, part.has_after, total=len(listing))


def slice_page(
    listing: OrderedList[T],
    window: Window,
    decode: CursorDecoder,
    accept: ItemFilter[T] | None = None,
) -> PageSlice[T]:
    """What a window shows of a list, or of those of its items that are accepted.

    Where cursors cross the part is empty, at the cursor from which the window counts. Looks at no
    more of the list than the flags need. Raises: CursorError.
    """
    size = len(listing)
    start = 0 if window.after is None else listing.index(decode(window.after), inclusive=True)
    end = size if window.before is None else listing.index(decode(window.before), inclusive=False)
    if start > end:
        start = end = start if window.last is None else end
    if accept is not None:
        return _FilteredScan(listing, accept).part(window, start, end)
    if window.last is None:
        end = min(end, start + (window.first or 0))
    else:
        start = max(start, end - window.last)
    return PageSlice(listing.slice(start, end), start > 0, end < size, start)


class _ScanResult(NamedTuple, Generic[T]):
    """Accepted items on the way through a list.

    Attributes:
        items: the items as they came.
        reached: the index up to which the list was gone through.
        has_more: whether another is known to follow.
    """

    items: list[T]
    reached: int
    has_more: bool


class _FilteredScan(Generic[T]):
    """A list of which only some items are accepted."""

    def __init__(self, listing: OrderedList[T], accept: ItemFilter[T]) -> None:
        self._listing = listing
        self._accept = accept

    def part(self, window: Window, start: int, end: int) -> PageSlice[T]:
        """What a window shows of the accepted items from one index to before another."""
        size = len(self._listing)
        if window.last is None:
            found = self._take(start, end, window.first or 0, upwards=True)
            has_before = self._any(0, start, upwards=False)
            has_after = found.has_more or self._any(found.reached, size, upwards=True)
            return PageSlice(found.items, has_before, has_after)
        found = self._take(start, end, window.last, upwards=False)
        has_before = found.has_more or self._any(0, found.reached, upwards=False)
        has_after = self._any(end, size, upwards=True)
        return PageSlice(found.items[::-1], has_before, has_after)

    def _take(self, start: int, end: int, wanted: int, *, upwards: bool) -> _ScanResult[T]:
        """The first accepted items from one end on."""
        items: list[T] = []
        size = _BLOCK + wanted + wanted // 8
        while start < end and len(items) < wanted:
            if upwards:
                block = self._listing.slice(start, min(end, start + size))
                start += len(block)
            else:
                block = self._listing.slice(max(start, end - size), end)[::-1]
                end -= len(block)
            items += filter(self._accept, block)
            size = min(2 * size, _MAX_BLOCK)
        reached = start if upwards else end
        return _ScanResult(items[:wanted], reached, len(items) > wanted)

    def _any(self, start: int, end: int, *, upwards: bool) -> bool:
        return bool(self._take(start, end, 1, upwards=upwards).items)
