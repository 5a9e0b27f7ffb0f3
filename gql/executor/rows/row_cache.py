"""The row cache: rendered documents, while they are valid and fit in memory.

A row is valid for a version of the store if its document is the same as when it was rendered, and
so is every row that it embeds. An edit in place (see `store.in_place_edits`) invalidates only the
rows that contain an edited article. After any other write every row has to be revalidated. Rows
that contain a list are dropped: a list may change while the document that embeds it does not.

Most documents are requested once. So a row is admitted when its document is requested for the
second time with the same selection.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import Any

from store import CursorCodec, Page, PageOrdinals, Snapshot, Visibility

from .key_size import key_bytes
from .row import ANY_ARTICLE, Row, RowKey, row_bytes
from .rows_by_ordinal import Buffer, RowsByOrdinal

REQUESTED_BYTES = 120
"""The size of the entry of a document that was requested once."""

LINK_BYTES = 200
"""The size of the entry of one key of a link."""

TABLE_BYTES = 1_200
"""The size of a table without rows."""

SPARSE = 16
"""Where a single table has outgrown the cache, one of so many new rows is admitted. To admit all
would evict each row before it is requested again.
"""

DENSE = 16
"""Rows are also stored by ordinal where at least one of so many documents has a row."""

MAX_SCANNED = 10_000
"""Tables of up to so many rows are scanned for rows with an edited article; others are dropped."""

RECENT = 1_000
"""A large table counts as in use for so many ticks of the cache's clock."""


class RowTable:
    """The rows of one selection, for one set of values of its variables.

    Its owner is the plan's mapping of tables by variant. A table that is dropped is removed there.

    Attributes:
        cache: The row cache, which bounds all tables.
        survives_writes: Whether its rows can be revalidated after any write.
        embeds_articles: Whether its rows contain articles besides their documents.
        version: The version of the store that was read last.
        cursors: The codec of that version, which encoded the revisions in the rows.
        valid: The JSON of the rows that are valid for that version, by key.
        rows: All rows by key. Those that are not in `valid` have to be revalidated.
        requested: The keys that were requested once.
        links: For that version, the row of each key that was loaded by a link to this table.
        links_bytes: The size of `links`.
        by_ordinal: The valid rows by the ordinals of their documents, for each numbering of them;
            only where many documents have a row.
        is_sparse: Whether only some of the new rows are admitted.
        used: When it was used last, by the cache's clock.
        own_bytes: Its size without rows.
        size_bytes: Its size with rows.
    """

    __slots__ = (
        "_owner",
        "_variant",
        "by_ordinal",
        "cache",
        "cursors",
        "embeds_articles",
        "is_sparse",
        "links",
        "links_bytes",
        "own_bytes",
        "requested",
        "rows",
        "size_bytes",
        "survives_writes",
        "used",
        "valid",
        "version",
    )

    def __init__(
        self,
        cache: RowCache,
        owner: MutableMapping[Hashable, RowTable],
        variant: Hashable,
        *,
        survives_writes: bool,
        embeds_articles: bool,
    ) -> None:
        self.cache = cache
        self.survives_writes = survives_writes
        self.embeds_articles = embeds_articles
        self.version = ""
        self.cursors: CursorCodec | None = None
        self.valid: dict[RowKey, bytes] = {}
        self.rows: dict[RowKey, Row] = {}
        self.requested: set[RowKey] = set()
        self.links: dict[Any, Row | None] = {}
        self.links_bytes = 0
        self.by_ordinal: dict[str, RowsByOrdinal] = {}
        self.is_sparse = False
        self.used = cache.clock
        self.size_bytes = 0
        self._owner = owner
        self._variant = variant
        self.own_bytes = TABLE_BYTES + (key_bytes(variant) if variant is not None else 0)

    def valid_rows(self, snapshot: Snapshot, visibility: Visibility) -> dict[RowKey, bytes]:
        """The JSON of the rows that are valid for a version of the store, by key."""
        if snapshot.version != self.version:
            self._use_version(snapshot, visibility)
        self.used = self.cache.clock
        return self.valid

    def _use_version(self, snapshot: Snapshot, visibility: Visibility) -> None:
        edited = snapshot.edits.since(self.version)
        self.version = snapshot.version
        self.clear_links()
        if edited is None or (self.embeds_articles and len(self.rows) > MAX_SCANNED):
            self.valid = {}
            self.clear_ordinals()
            # Another key of the store encodes other revisions.
            has_other_key = self.cursors not in (None, snapshot.cursors)
            self.cursors = snapshot.cursors
            if has_other_key or not self.survives_writes:
                self._drop(list(self.rows))
            return
        keys = self._keys_with(edited)
        if not self.survives_writes:
            self._drop(keys)
        for key in keys:
            self.valid.pop(key, None)
        if keys and self.by_ordinal:
            ordinals = snapshot.ordinals_of(keys, visibility)
            if not self.by_ordinal.keys() <= ordinals.keys():  # the store was read from disk again
                self.clear_ordinals()
            for numbering, rows in self.by_ordinal.items():
                self.cache.shrink(self, rows.invalidate(ordinals[numbering]))

    def _keys_with(self, edited: frozenset[str]) -> list[Any]:
        """The keys of the rows that contain an edited article."""
        keys: list[RowKey] = [id for id in edited if id in self.rows]
        if self.embeds_articles:
            affected = edited | {ANY_ARTICLE}
            keys += [k for k, row in self.rows.items() if not affected.isdisjoint(row.articles)]
        return keys

    def _drop(self, keys: Iterable[RowKey]) -> None:
        """Drop the rows of these keys, which cannot be revalidated."""
        dropped = {key: self.rows.pop(key) for key in dict.fromkeys(keys)}
        self.cache.shrink(self, sum(map(row_bytes, dropped, dropped.values())))

    def join_page(self, page: Page[Any]) -> Sequence[Buffer] | None:
        """The JSON of a page's items, joined with commas; None where one is not valid."""
        if page.ordinals is not None and page.ordinals.numbering in self.by_ordinal:
            return self.join_ordinals(page.ordinals)
        return self.join_keys(page.item_ids())

    def join_keys(self, keys: Sequence[RowKey]) -> Sequence[Buffer] | None:
        """The JSON of the rows of these keys, joined with commas; None if one is not valid."""
        try:
            return (b",".join(map(self.valid.__getitem__, keys)),)
        except KeyError:
            return None

    def join_ordinals(self, ordinals: PageOrdinals) -> Sequence[Buffer] | None:
        """The JSON of the rows of these ordinals, joined; None if one is missing."""
        rows = self.by_ordinal.get(ordinals.numbering)
        if rows is None:
            return None
        before = rows.size_bytes
        pieces = rows.join(ordinals)
        if rows.size_bytes > before:
            self.cache.grow(self, rows.size_bytes - before)
        return pieces

    def store_ordinals(self, page: Page[Any]) -> None:
        """Store a page's valid rows by ordinal, too, if enough documents have a row."""
        ordinals, valid = page.ordinals, self.valid
        if ordinals is None or self.is_sparse:
            return
        rows = self.by_ordinal.get(ordinals.numbering)
        if rows is None:
            if len(valid) * DENSE < ordinals.size:
                return
            rows = self.by_ordinal[ordinals.numbering] = RowsByOrdinal(ordinals.size)
            self.cache.grow(self, rows.size_bytes)  # which may evict it at once
        for ordinal, id in zip(ordinals.numbers, page.item_ids(), strict=True):
            if id in valid:
                rows.rows[ordinal] = valid[id]

    def clear_ordinals(self) -> None:
        """Remove the rows by ordinal."""
        if self.by_ordinal:
            cleared, self.by_ordinal = self.by_ordinal, {}
            self.cache.shrink(self, sum(rows.size_bytes for rows in cleared.values()))

    def revalidate(self, key: RowKey, document: Any, dependencies: tuple[Any, ...]) -> Row | None:
        """Revalidate the row of a document for this version; None where it is not valid."""
        row = self.rows.get(key)
        if row is None or row.dependencies != dependencies:
            return None
        if row.document is not document and row.document != document:
            return None
        self.valid[key] = row.json
        return row

    def are_mostly_new(self, keys: Sequence[RowKey]) -> bool:
        """Whether more than half of these keys were not requested before."""
        requested, rows = self.requested, self.rows
        return sum([key in requested or key in rows for key in keys]) * 2 < len(keys)

    def record_requests(self, keys: Iterable[RowKey]) -> None:
        """Record that these keys were requested, so that their rows are admitted the next time."""
        before = len(self.requested)
        self.requested.update(keys)
        new = len(self.requested) - before
        if new:
            self.cache.grow(self, new * REQUESTED_BYTES)

    def add(self, rows: Mapping[RowKey, Row]) -> None:
        """Admit rows that are valid for this version, if they were requested before."""
        requested, capacity_bytes = self.requested, self.cache.capacity_bytes
        admitted = {key: row for key, row in rows.items() if key in requested or key in self.rows}
        if len(admitted) < len(rows):
            self.record_requests(rows.keys() - admitted.keys())
        if self.is_sparse and self.cache.is_nearly_full:
            sample = islice(admitted.items(), self.cache.clock % SPARSE, None, SPARSE)
            present = {key: row for key, row in admitted.items() if key in self.rows}
            admitted = present | dict(sample)
        grown = 0
        for key, row in admitted.items():
            size_bytes = row_bytes(key, row)
            if size_bytes > capacity_bytes:
                continue
            before = self.rows.pop(key, None)
            if before is not None:
                grown -= row_bytes(key, before)
            self.rows[key] = row
            self.valid[key] = row.json
            grown += size_bytes
        self.cache.grow(self, grown)

    def memoize_links(self, links: Mapping[Any, Row | None]) -> None:
        """Memoize the rows of keys that a link to this table loads, for this version."""
        grown = 0
        for key, row in links.items():
            if key not in self.links:
                self.links[key] = row
                is_counted = row is None or row.id in self.rows
                json_bytes = 0 if is_counted or not row else len(row.json)
                grown += LINK_BYTES + key_bytes(key) + json_bytes
        self.links_bytes += grown
        self.cache.grow(self, grown)

    def clear_links(self) -> None:
        """Remove the memoized rows of links."""
        self.links = {}
        freed, self.links_bytes = self.links_bytes, 0
        self.cache.shrink(self, freed)

    def evict(self, excess_bytes: int) -> None:
        """Evict the oldest rows until so many bytes are free, or no row is left."""
        goal = self.size_bytes - excess_bytes
        self.clear_ordinals()
        self.clear_links()
        cleared, self.requested = len(self.requested), set()
        self.cache.shrink(self, cleared * REQUESTED_BYTES)
        left = self.size_bytes
        evicted: list[RowKey] = []
        for key, row in self.rows.items():
            if left <= goal:
                break
            left -= row_bytes(key, row)
            evicted.append(key)
        for key in evicted:
            del self.rows[key]
            self.valid.pop(key, None)
        self.cache.evictions += len(evicted)
        self.cache.shrink(self, self.size_bytes - left)

    def drop(self) -> None:
        """Evict all rows, and the table with them."""
        self.cache.evictions += len(self.rows)
        self.cache.remove(self)
        self.valid, self.rows, self.requested, self.links = {}, {}, set(), {}
        self.by_ordinal, self.links_bytes = {}, 0
        if self._owner.get(self._variant) is self:
            del self._owner[self._variant]


class RowCache:
    """The cache of all row tables, bounded in bytes; see `gql.cache.CacheCounters`.

    Attributes:
        capacity_bytes: Its bound.
        size_bytes: The size of all tables.
        clock: How often it has grown.
        hits: Rows that were valid.
        misses: Rows that had to be rendered or revalidated.
        evictions: Rows that were evicted.
        tables: Its tables.
    """

    name = "rows"

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.clock = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        self.tables: dict[RowTable, None] = {}

    @property
    def entries(self) -> int:
        """The number of rows."""
        return sum(len(table.rows) for table in self.tables)

    @property
    def is_nearly_full(self) -> bool:
        """Whether new rows will soon evict others."""
        return self.size_bytes * 5 > self.capacity_bytes * 4

    def grow(self, table: RowTable, size_bytes: int) -> None:
        """Count new bytes of a table, and evict others to make room for them."""
        if table not in self.tables:
            self.tables[table] = None
            size_bytes += table.own_bytes
        self.clock += 1
        self.size_bytes += size_bytes
        table.size_bytes += size_bytes
        if self.size_bytes > self.capacity_bytes:
            self._make_room(table)

    def shrink(self, table: RowTable, size_bytes: int) -> None:
        """Subtract freed bytes of a table."""
        self.size_bytes -= size_bytes
        table.size_bytes -= size_bytes

    def remove(self, table: RowTable) -> None:
        """Remove a table."""
        if table in self.tables:
            del self.tables[table]
            self.size_bytes -= table.size_bytes
            table.size_bytes = 0

    def _make_room(self, growing: RowTable) -> None:
        # Frees a tenth more than needed, so that a full cache does not sort its tables every time.
        goal = self.capacity_bytes * 9 // 10
        for table in sorted(self.tables, key=lambda each: each.used):
            if self.size_bytes <= goal:
                return
            if table is growing:
                continue
            if self.clock - table.used < RECENT and table.size_bytes * 4 > goal:
                # It is in use as well: its rows will be requested again.
                table.is_sparse = growing.is_sparse = True
                table.evict(table.size_bytes // SPARSE)
            else:
                table.drop()
        if self.size_bytes > goal:
            growing.is_sparse = True
            growing.evict(self.size_bytes - goal)
            if self.size_bytes > self.capacity_bytes:
                growing.drop()
