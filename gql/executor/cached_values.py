"""Cached values: the response of a repeated request as entries of the row cache.

A cached value refers to rows by table and key, so it keeps no row from being evicted. It is valid
for one structure of the store (see `store.in_place_edits`). Where a list depends on what edits
change, it is valid for one version only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from store import Page, PageOrdinals, Snapshot, Visibility

from .planning.arguments import RequestVariables
from .planning.plan import ConnectionPlan
from .rows.row import RowKey
from .rows.row_cache import RowTable
from .rows.rows_by_ordinal import Buffer

MAX_ITEMS, MAX_KEYS = 100, 50
"""Bounds of a cached list: items, and keys that are more than an id. So a request takes a few kB
at most. Ranges of ordinals have no bound.
"""


class CachedValue(Protocol):
    """The cached value of a root field."""

    def read(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """The value's JSON in pieces; None on a cache miss of any of its rows."""
        ...


class CachedDocument(NamedTuple):
    """A single document, which is one row.

    Attributes:
        table: The table of the row.
        key: The key of the row.
    """

    table: RowTable
    key: RowKey

    def read(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `CachedValue`."""
        json = self.table.valid_rows(snapshot, visibility).get(self.key)
        return None if json is None else (json,)


class CachedConnection(NamedTuple):
    """A connection with its lists of items.

    Attributes:
        tables: The table of each list.
        ordinals: The ordinals of the items, where their rows are stored by ordinal.
        keys: The keys of the items of each list, where their rows are not.
        envelope: The JSON around the lists: n lists -> n + 1 pieces.
    """

    tables: Sequence[RowTable]
    ordinals: PageOrdinals | None
    keys: Sequence[Sequence[RowKey]]
    envelope: Sequence[bytes]

    def read(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `CachedValue`."""
        pieces: list[Buffer] = [self.envelope[0]]
        for table, keys, after in zip(self.tables, self.keys, self.envelope[1:], strict=True):
            table.valid_rows(snapshot, visibility)
            if self.ordinals is None:
                joined = table.join_keys(keys)
            else:
                joined = table.join_ordinals(self.ordinals)
            if joined is None:
                return None
            pieces += joined
            pieces.append(after)
        return pieces


class CachedNodes(NamedTuple):
    """A list of documents of any types.

    Attributes:
        rows: The table and the key of each document's row; None for a null.
    """

    rows: Sequence[tuple[RowTable, RowKey] | None]

    def read(self, snapshot: Snapshot, visibility: Visibility) -> Sequence[Buffer] | None:
        """See `CachedValue`."""
        texts: list[bytes] = []
        for row in self.rows:
            if row is None:
                texts.append(b"null")
                continue
            table, key = row
            if table.version != snapshot.version:
                table.valid_rows(snapshot, visibility)
            json = table.valid.get(key)
            if json is None:
                return None
            texts.append(json)
        return b"[", b",".join(texts), b"]"


class CachedScalar(NamedTuple):
    """A scalar, which is valid for one version.

    Attributes:
        json: Its JSON.
    """

    json: Buffer

    def read(self, _snapshot: Snapshot, _visibility: Visibility) -> Sequence[Buffer] | None:
        """See `CachedValue`."""
        return (self.json,)


def cached_connection(
    plan: ConnectionPlan,
    tables: Sequence[RowTable],
    page: Page[Any],
    envelope: Sequence[bytes],
    variables: RequestVariables,
) -> CachedConnection | None:
    """The cached value of a connection that was just rendered; None where it is too large."""
    ordinals, size = page.ordinals, len(page.items)
    if ordinals is not None and all(ordinals.numbering in table.by_ordinal for table in tables):
        if ordinals.as_slice is None and size > MAX_ITEMS:
            return None
        return CachedConnection(tables, ordinals, [()] * len(tables), envelope)
    if size > MAX_ITEMS or size * sum(not items.keys_are_ids for items in plan.items) > MAX_KEYS:
        return None
    ids = page.item_ids()
    keys = [items.row_keys(ids, variables) for items in plan.items]
    return CachedConnection(tables, None, keys, envelope)
