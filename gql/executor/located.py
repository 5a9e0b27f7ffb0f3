"""Where a request that comes again found its answer in a version of the store.

These are places in the row cache and not rows: nothing is kept longer for being remembered here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from store import Page, Places

from .filed_rows import Buffer
from .rows import RowKey, RowTable


class Located(Protocol):
    """The value of a field at the root of an operation.

    Attributes:
        version: the version of the store for which it holds.
    """

    @property
    def version(self) -> str: ...  # noqa: D102  # see above

    def pieces(self) -> Sequence[Buffer] | None:
        """Its JSON, in pieces; None where the cache does not have all of it any more."""
        ...


class LocatedRow(NamedTuple):
    """A single document, which is one row.

    Attributes:
        version: see `Located`.
        table: the rows that it is among.
        key: under which key.
    """

    version: str
    table: RowTable
    key: RowKey

    def pieces(self) -> Sequence[Buffer] | None:
        """See `Located`."""
        if self.table.version != self.version:
            return None
        json = self.table.valid.get(self.key)
        return None if json is None else (json,)


class LocatedList(NamedTuple):
    """A connection with one list of items.

    Attributes:
        version: see `Located`.
        table: the rows of its items.
        places: where the items stand, where rows are filed by place.
        keys: under which keys the rows are, where they are not.
        before: the JSON in front of the list.
        behind: the JSON behind it.
    """

    version: str
    table: RowTable
    places: Places | None
    keys: Sequence[RowKey]
    before: bytes
    behind: bytes

    def pieces(self) -> Sequence[Buffer] | None:
        """See `Located`."""
        table = self.table
        if table.version != self.version:
            return None
        joined = table.found(self.keys) if self.places is None else table.filed_at(self.places)
        return None if joined is None else (self.before, *joined, self.behind)


class LocatedNodes(NamedTuple):
    """A list of documents of any types.

    Attributes:
        version: see `Located`.
        rows: for each document its table and key; None where there is none.
    """

    version: str
    rows: Sequence[tuple[RowTable, RowKey] | None]

    def pieces(self) -> Sequence[Buffer] | None:
        """See `Located`."""
        texts: list[bytes] = []
        for row in self.rows:
            if row is None:
                texts.append(b"null")
                continue
            table, key = row
            json = table.valid.get(key)
            if json is None or table.version != self.version:
                return None
            texts.append(json)
        return b"[", b",".join(texts), b"]"


MAX_ITEMS = 100
"""Of longer lists only runs are remembered: a request should not take more than a few kB."""


def locate_list(
    version: str, table: RowTable, page: Page[Any], envelope: Sequence[bytes]
) -> LocatedList | None:
    """Where the items of a page are found, whose rows were just used."""
    places, [before, behind] = page.places, envelope
    if places is not None and places.space in table.filed:
        if places.run is None and len(places.at) > MAX_ITEMS:
            return None
        return LocatedList(version, table, places, (), before, behind)
    if len(page.items) > MAX_ITEMS:
        return None
    return LocatedList(version, table, None, page.item_ids(), before, behind)
