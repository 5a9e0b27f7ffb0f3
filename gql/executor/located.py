"""Where a request that comes again found its answer in the row cache.

These are ordinals in it and not rows: nothing is kept longer for being remembered here. They hold
for one structure of the store (see `store.in_place_edits`), or one version where a list reads what
edits change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from store import Page, PageOrdinals, Snapshot, Visibility

from .planning.arguments import Variables
from .planning.plan import ConnectionPlan
from .rows.row_cache import RowKey, RowTable
from .rows.rows_by_ordinal import Buffer


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


class LocatedConnection(NamedTuple):
    """A connection with its lists of items.

    Attributes:
        tables: the rows of each list.
        ordinals: where the items stand, where rows are filed by ordinal.
        keys: for each list under which keys the rows are, where they are not.
        envelope: the JSON around the lists: n lists -> n + 1 pieces.
    """

    tables: Sequence[RowTable]
    ordinals: PageOrdinals | None
    keys: Sequence[Sequence[RowKey]]
    envelope: Sequence[bytes]

    def pieces(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `Located`."""
        found: list[Buffer] = [self.envelope[0]]
        for table, keys, behind in zip(self.tables, self.keys, self.envelope[1:], strict=True):
            table.at(snapshot, visibility)
            joined = table.found(keys) if self.ordinals is None else table.filed_at(self.ordinals)
            if joined is None:
                return None
            found += joined
            found.append(behind)
        return found


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


MAX_ITEMS, MAX_KEYS = 100, 50
"""Of longer lists only runs are remembered, or fewer keys that are not just ids: a request should
not take more than a few kB.
"""


def locate_connection(
    plan: ConnectionPlan,
    tables: Sequence[RowTable],
    page: Page[Any],
    envelope: Sequence[bytes],
    variables: Variables,
) -> LocatedConnection | None:
    """Where the items of a page are found, whose rows were just used."""
    ordinals, size = page.ordinals, len(page.items)
    if ordinals is not None and all(ordinals.numbering in table.filed for table in tables):
        if ordinals.as_slice is None and size > MAX_ITEMS:
            return None
        return LocatedConnection(tables, ordinals, [()] * len(tables), envelope)
    if size > MAX_ITEMS or size * sum(not items.keys_are_ids for items in plan.items) > MAX_KEYS:
        return None
    ids = page.item_ids()
    keys = [items.keys(ids, variables) for items in plan.items]
    return LocatedConnection(tables, None, keys, envelope)
