"""Where a request that comes again found its answer in the row cache.

These are places in it and not rows: nothing is kept longer for being remembered here. They hold for
one structure of the store (see `store.edits`), or one version where a list reads what edits change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from store import Page, Places, Snapshot, Visibility

from .filed_rows import Buffer
from .rows import RowKey, RowTable


class Located(Protocol):
    """The value of a field at the root of an operation."""

    def pieces(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """Its JSON, in pieces; None where the cache does not have all of it any more."""
        ...


class LocatedRow(NamedTuple):
    """A single document, which is one row.

    Attributes:
        table: the rows that it is among.
        key: under which key.
    """

    table: RowTable
    key: RowKey

    def pieces(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `Located`."""
        json = self.table.at(snapshot, visibility).get(self.key)
        return None if json is None else (json,)


class LocatedList(NamedTuple):
    """A connection with one list of items.

    Attributes:
        table: the rows of its items.
        places: where the items stand, where rows are filed by place.
        keys: under which keys the rows are, where they are not.
        before: the JSON in front of the list.
        behind: the JSON behind it.
    """

    table: RowTable
    places: Places | None
    keys: Sequence[RowKey]
    before: bytes
    behind: bytes

    def pieces(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `Located`."""
        table = self.table
        table.at(snapshot, visibility)
        joined = table.found(self.keys) if self.places is None else table.filed_at(self.places)
        return None if joined is None else (self.before, *joined, self.behind)


class LocatedNodes(NamedTuple):
    """A list of documents of any types.

    Attributes:
        rows: for each document its table and key; None where there is none.
    """

    rows: Sequence[tuple[RowTable, RowKey] | None]

    def pieces(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `Located`."""
        texts: list[bytes] = []
        for row in self.rows:
            if row is None:
                texts.append(b"null")
                continue
            table, key = row
            if table.version != snapshot.version:
                table.at(snapshot, visibility)
            json = table.valid.get(key)
            if json is None:
                return None
            texts.append(json)
        return b"[", b",".join(texts), b"]"


MAX_ITEMS = 100
"""Of longer lists only runs are remembered: a request should not take more than a few kB."""


def locate_list(table: RowTable, page: Page[Any], envelope: Sequence[bytes]) -> LocatedList | None:
    """Where the items of a page are found, whose rows were just used."""
    places, [before, behind] = page.places, envelope
    if places is not None and places.space in table.filed:
        if places.run is None and len(places.at) > MAX_ITEMS:
            return None
        return LocatedList(table, places, (), before, behind)
    if len(page.items) > MAX_ITEMS:
        return None
    return LocatedList(table, None, page.item_ids(), before, behind)
