"""Windows on ordered lists: where a part begins and ends, and whether more lies around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress, islice
from typing import Any, NamedTuple

from .cursors import Position
from .entries import Entries, place
from .errors import WindowError
from .query import Page, Window

Decode = Callable[[str], Position]
Check = Callable[[range], Iterator[bool]]
"""Whether what stands at these places is wanted, one after the other as far as it is asked."""


def check_window(window: Window) -> None:
    """Raise WindowError unless exactly one size is given, and it is not negative."""
    size = window.last if window.first is None else window.first
    if size is None or (window.first is not None and window.last is not None):
        raise WindowError("A window takes either first or last.")
    if size < 0:
        raise WindowError(f"A window of {size} items cannot be; use 0 or more.")


def flipped(window: Window) -> Window:
    """The window that shows the same part of the same list read backwards."""
    return Window(first=window.last, after=window.before, last=window.first, before=window.after)


Span = tuple[int, int]
"""The indexes from a start to before an end."""


def between(entries: Entries, window: Window, decode: Decode) -> Span:
    """What lies between a window's cursors, whether or not their items are still there.

    Where the cursors cross it is empty, at the cursor from which the window counts.
    Raises: CursorError.
    """
    start, end = 0, len(entries)
    if window.after is not None:
        *keys, id = decode(window.after)
        # No text lies between an id and the id with a NUL, so this is the place just behind it.
        start = place(entries, (*keys, f"{id}\0"))
    if window.before is not None:
        end = place(entries, decode(window.before))
    if start > end:
        return (start, start) if window.last is None else (end, end)
    return start, end


def shown(entries: Entries, window: Window, decode: Decode) -> Span:
    """What a window shows of an ascending list. Raises: CursorError."""
    start, end = between(entries, window, decode)
    if window.last is None:
        return start, min(end, start + (window.first or 0))
    return max(start, end - window.last), end


def slice_page(entries: Entries, window: Window, decode: Decode) -> Page[Any]:
    """The part of an ascending list that a window shows, with the total. Raises: CursorError."""
    start, end = shown(entries, window, decode)
    return Page(
        [entry[-1] for entry in entries[start:end]],
        has_previous=start > 0,
        has_next=end < len(entries),
        total=len(entries),
    )


class Walk(NamedTuple):
    """Where in a list stands what a window shows of what is wanted, ascending."""

    places: Sequence[int]
    has_previous: bool
    has_next: bool


def walk(entries: Entries, window: Window, decode: Decode, wanted: Check) -> Walk:
    """The part that a window shows of a list without what is not wanted. Raises: CursorError.

    Looks at entries from the cursor on and no further than the flags need.
    """

    def hits(way: range) -> Iterator[int]:
        return compress(way, wanted(way))

    start, end = between(entries, window, decode)
    backwards = window.last is not None
    way = range(end - 1, start - 1, -1) if backwards else range(start, end)
    size = (window.last if backwards else window.first) or 0
    found = list(islice(hits(way), size))
    if backwards:
        start = found[-1] if found and len(found) == size else (start if size else end)
        found.reverse()
    else:
        end = found[-1] + 1 if found and len(found) == size else (end if size else start)
    return Walk(
        found,
        has_previous=any(True for _ in hits(range(start - 1, -1, -1))),
        has_next=any(True for _ in hits(range(end, len(entries)))),
    )
