"""Windows on ordered lists: where a part begins and ends, and whether more lies around it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from .cursors import Position
from .errors import WindowError
from .query import Page, Place, T, Window

Entry = tuple[Any, ...]
"""An item with its position before it: (*position, item). Entries sort as the list is ordered."""

Decode = Callable[[str], Position]


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


def flipped_page(page: Page[T]) -> Page[T]:
    """The page of the same items read backwards."""
    place = page.place and page.place._replace(backwards=not page.place.backwards)
    return Page(page.items[::-1], page.has_next, page.has_previous, page.total, place)


class Span(NamedTuple):
    """The indexes from `start` to before `end`."""

    start: int
    end: int


def between(entries: Sequence[Entry], window: Window, decode: Decode) -> Span:
    """What lies between a window's cursors, whether or not their items are still there.

    Where the cursors cross it is empty, at the cursor from which the window counts.
    Raises: CursorError.
    """
    start, end = 0, len(entries)
    if window.after is not None:
        *keys, id = decode(window.after)
        # No text lies between an id and the id with a NUL, so this is the place just behind it.
        start = bisect_left(entries, (*keys, f"{id}\0"))
    if window.before is not None:
        end = bisect_left(entries, decode(window.before))
    if start > end:
        return Span(start, start) if window.last is None else Span(end, end)
    return Span(start, end)


def slice_page(
    entries: Sequence[Entry],
    window: Window,
    decode: Decode,
    *,
    items: Sequence[Any] | None = None,
    with_total: bool = True,
) -> Page[Any]:
    """The part of an ascending list that a window shows. Costs what it shows.

    `items`: the entries' items, where the caller has them as a list already.
    """
    start, end = between(entries, window, decode)
    if window.last is None:
        end = min(end, start + (window.first or 0))
    else:
        start = max(start, end - window.last)
    return Page(
        [entry[-1] for entry in entries[start:end]] if items is None else items[start:end],
        has_previous=start > 0,
        has_next=end < len(entries),
        total=len(entries) if with_total else None,
        place=None if items is None else Place(items, start, end, backwards=False),
    )


def walk_page(
    entries: Sequence[Entry], window: Window, decode: Decode, holds: Callable[[Any], bool]
) -> Page[Any]:
    """The same for the items that pass `holds`, without the total.

    Looks at items from the cursor on and no further than the flags need.
    """
    start, end = between(entries, window, decode)
    backwards = window.last is not None
    way = range(end - 1, start - 1, -1) if backwards else range(start, end)
    size = (window.last if backwards else window.first) or 0
    hits = list(islice((i for i in way if holds(entries[i][-1])), size))
    if backwards:
        start = hits[-1] if hits and len(hits) == size else (start if size else end)
        hits.reverse()
    else:
        end = hits[-1] + 1 if hits and len(hits) == size else (end if size else start)
    return Page(
        [entries[i][-1] for i in hits],
        has_previous=any(holds(entries[i][-1]) for i in range(start - 1, -1, -1)),
        has_next=any(holds(entries[i][-1]) for i in range(end, len(entries))),
    )
