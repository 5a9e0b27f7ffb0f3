"""Rows: the JSON of list items and of linked entities, cached as long as it is valid and fits.

A row is valid for a version of the store if its document is the same as when it was rendered, and
so is every row that it embeds. After an edit in place (see `store.in_place_edits`) only the rows
that show an edited article have to be looked at again. After another write all have, and those that
show a list are gone: lists may change without a document that shows them.

Most documents are requested once and never again: a row is admitted when its document is requested
for the second time with the same selection.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, MutableMapping, Sequence
from itertools import count, islice
from typing import Any

import msgspec
import orjson

from store import CursorCodec, Page, PageOrdinals, Snapshot, Visibility

from .key_size import key_bytes
from .rows_by_ordinal import Buffer, FiledRows

ROW_BYTES = 500
"""What a row takes beside its JSON: the object, the fragment, its entries in two dicts."""

REQUESTED_BYTES = 120
"""What it takes to remember that a document was requested."""

LINK_BYTES = 200
"""What it takes to remember where one key of a link leads."""

TABLE_BYTES = 1_200
"""What a table takes without rows."""

SPARSE = 16
"""Of how many new rows one is admitted where a single table has outgrown the cache: to admit all of
them would evict each before it is requested again.
"""

DENSE = 16
"""Rows are filed by ordinal where at least one in so many documents has a row."""

ANY_EDIT = ""
"""Stands among the articles of a row for those that nobody has noted: any that is edited."""

MAX_SHOWN = 100
"""Of how many articles in a row it is noted which they are."""

MAX_SCANNED = 10_000
"""Up to how many rows of a table are searched for those that show an edited article."""

RECENT = 1_000
"""For how many ticks of the cache's clock a large table is taken to be in use."""

RowKey = Hashable
"""A document's id; with the values of variables where the table is shared by several."""

_serials = count(1)


class Row(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A rendered document.

    Attributes:
        id: of the document; empty for a page of a list.
        document: what was rendered.
        dependencies: the serial numbers of the rows that it embeds, for each link.
        articles: the ids of the articles that show in it, besides one under whose id it is kept.
        json: the rendered text.
        fragment: the same, ready to be embedded.
        serial: differs from that of every other row.
    """

    id: str
    document: Any
    dependencies: tuple[Any, ...]
    articles: Sequence[str]
    json: bytes
    fragment: orjson.Fragment
    serial: int


def make_row(
    id: str, document: Any, dependencies: tuple[Any, ...], articles: Sequence[str], json: bytes
) -> Row:
    """A row that was just rendered."""
    return Row(id, document, dependencies, articles, json, orjson.Fragment(json), next(_serials))


class RowTable:
    """The rows of one selection, for one set of variables' values.

    Its owner has it under the variant, and no more once it is dropped.

    Attributes:
        cache: counts the bytes of all tables.
        survives_writes: whether rows may be valid after any write.
        embeds_articles: whether rows show articles besides their own.
        version: the version of the store that was read last.
        cursors: what made its revisions.
        valid: the JSON of rows that are valid for that version, by key.
        rows: all rows by key; those that are not in `valid` wait for being revalidated.
        requested: keys that were requested once.
        links: for that version, the row to which a key of the link to this table leads.
        filed: the same as `valid` by the ordinals of documents, for each numbering of them, where
            many have a row.
        is_sparse: whether only some of the new rows are admitted.
        used: when it was used last, by the cache's clock.
        own_bytes: what it takes without rows.
        size_bytes: what is counted of it.
    """

    __slots__ = (
        "_owner",
        "_variant",
        "cache",
        "cursors",
        "embeds_articles",
        "filed",
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
        self.filed: dict[str, FiledRows] = {}
        self.is_sparse = False
        self.used = cache.clock
        self.size_bytes = 0
        self._owner = owner
        self._variant = variant
        self.own_bytes = TABLE_BYTES + (key_bytes(variant) if variant is not None else 0)

    def at(self, snapshot: Snapshot, visibility: Visibility) -> dict[RowKey, bytes]:
        """The JSON of the rows that are valid for a version of the store."""
        if snapshot.version != self.version:
            self._use_version(snapshot, visibility)
        self.used = self.cache.clock
        return self.valid

    def _use_version(self, snapshot: Snapshot, visibility: Visibility) -> None:
        edited = snapshot.edits.since(self.version)
        self.version = snapshot.version
        self.forget_links()
        if edited is None or (self.embeds_articles and len(self.rows) > MAX_SCANNED):
            self.valid = {}
            self.forget_filed()
            # With another key of the store, revisions are others.
            has_other_key = self.cursors not in (None, snapshot.cursors)
            self.cursors = snapshot.cursors
            if has_other_key or not self.survives_writes:
                self._drop(list(self.rows))
            return
        keys = self._keys_of(edited)
        if not self.survives_writes:
            self._drop(keys)
        for key in keys:
            self.valid.pop(key, None)
        if keys and self.filed:
            ordinals = snapshot.ordinals_of(keys, visibility)
            if not self.filed.keys() <= ordinals.keys():  # those of a state that was read anew
                self.forget_filed()
            for numbering, filed in self.filed.items():
                self.cache.shrink(self, filed.forget(ordinals[numbering]))

    def _keys_of(self, edited: frozenset[str]) -> list[Any]:
        """The keys of the rows that show an edited article."""
        keys: list[RowKey] = [id for id in edited if id in self.rows]
        if self.embeds_articles:
            noted = edited | {ANY_EDIT}
            keys += [k for k, row in self.rows.items() if not noted.isdisjoint(row.articles)]
        return keys

    def _drop(self, keys: Iterable[RowKey]) -> None:
        """Drop the rows under these keys, which cannot be revalidated: they show lists, say."""
        gone = {key: self.rows.pop(key) for key in dict.fromkeys(keys)}
        self.cache.shrink(self, sum(map(_row_bytes, gone, gone.values())))

    def joined(self, page: Page[Any]) -> Sequence[Buffer] | None:
        """The JSON of a page's items with commas between them; None where one is not valid."""
        if page.ordinals is not None and page.ordinals.numbering in self.filed:
            return self.filed_at(page.ordinals)
        return self.found(page.item_ids())

    def found(self, keys: Sequence[RowKey]) -> Sequence[Buffer] | None:
        """The same for the rows under these keys."""
        try:
            return (b",".join(map(self.valid.__getitem__, keys)),)
        except KeyError:
            return None

    def filed_at(self, ordinals: PageOrdinals) -> Sequence[Buffer] | None:
        """The same for the documents at these ordinals, as far as rows are filed by ordinal."""
        filed = self.filed.get(ordinals.numbering)
        if filed is None:
            return None
        before = filed.size_bytes
        pieces = filed.joined(ordinals)
        if filed.size_bytes > before:
            self.cache.grow(self, filed.size_bytes - before)
        return pieces

    def file(self, page: Page[Any]) -> None:
        """File what is cached of a page by the ordinals of its items, if that pays."""
        ordinals, valid = page.ordinals, self.valid
        if ordinals is None or self.is_sparse:
            return
        filed = self.filed.get(ordinals.numbering)
        if filed is None:
            if len(valid) * DENSE < ordinals.size:
                return
            filed = self.filed[ordinals.numbering] = FiledRows(ordinals.size)
            self.cache.grow(self, filed.size_bytes)  # which may evict it at once
        for ordinal, id in zip(ordinals.numbers, page.item_ids(), strict=True):
            if id in valid:
                filed.rows[ordinal] = valid[id]

    def forget_filed(self) -> None:
        """Forget what is filed by ordinal."""
        if self.filed:
            gone, self.filed = self.filed, {}
            self.cache.shrink(self, sum(filed.size_bytes for filed in gone.values()))

    def revalidate(self, key: RowKey, document: Any, dependencies: tuple[Any, ...]) -> Row | None:
        """The row of a document, if it is valid for this version, too."""
        row = self.rows.get(key)
        if row is None or row.dependencies != dependencies:
            return None
        if row.document is not document and row.document != document:
            return None
        self.valid[key] = row.json
        return row

    def are_mostly_new(self, keys: Sequence[RowKey]) -> bool:
        """Whether more than half of these were never requested, as far as is known."""
        requested, rows = self.requested, self.rows
        return sum([key in requested or key in rows for key in keys]) * 2 < len(keys)

    def note_requested(self, keys: Iterable[RowKey]) -> None:
        """Remember that these were requested, so that they are admitted the next time."""
        before = len(self.requested)
        self.requested.update(keys)
        new = len(self.requested) - before
        if new:
            self.cache.grow(self, new * REQUESTED_BYTES)

    def add(self, rows: Mapping[RowKey, Row]) -> None:
        """Admit those of these rows, valid for this version, that were requested before."""
        requested, room = self.requested, self.cache.capacity_bytes
        admitted = {key: row for key, row in rows.items() if key in requested or key in self.rows}
        if len(admitted) < len(rows):
            self.note_requested(rows.keys() - admitted.keys())
        if self.is_sparse and self.cache.is_nearly_full:
            kept = islice(admitted.items(), self.cache.clock % SPARSE, None, SPARSE)
            admitted = {key: row for key, row in admitted.items() if key in self.rows} | dict(kept)
        grown = 0
        for key, row in admitted.items():
            size_bytes = _row_bytes(key, row)
            if size_bytes > room:
                continue
            before = self.rows.pop(key, None)
            if before is not None:
                grown -= _row_bytes(key, before)
            self.rows[key] = row
            self.valid[key] = row.json
            grown += size_bytes
        self.cache.grow(self, grown)

    def keep_links(self, links: Mapping[Any, Row | None]) -> None:
        """Remember where keys of the link to this table lead, in this version."""
        grown = 0
        for key, row in links.items():
            if key not in self.links:
                self.links[key] = row
                is_kept = row is None or row.id in self.rows
                grown += LINK_BYTES + key_bytes(key) + (0 if is_kept or not row else len(row.json))
        self.links_bytes += grown
        self.cache.grow(self, grown)

    def forget_links(self) -> None:
        """Forget where links lead."""
        self.links = {}
        gone, self.links_bytes = self.links_bytes, 0
        self.cache.shrink(self, gone)

    def evict(self, excess_bytes: int) -> None:
        """Evict the oldest rows, until so many bytes are free or none is left."""
        goal = self.size_bytes - excess_bytes
        self.forget_filed()
        self.forget_links()
        forgotten, self.requested = len(self.requested), set()
        self.cache.shrink(self, forgotten * REQUESTED_BYTES)
        left = self.size_bytes
        gone: list[RowKey] = []
        for key, row in self.rows.items():
            if left <= goal:
                break
            left -= _row_bytes(key, row)
            gone.append(key)
        for key in gone:
            del self.rows[key]
            self.valid.pop(key, None)
        self.cache.evictions += len(gone)
        self.cache.shrink(self, self.size_bytes - left)

    def drop(self) -> None:
        """Evict everything, and the table with it."""
        self.cache.evictions += len(self.rows)
        self.cache.forget(self)
        self.valid, self.rows, self.requested, self.links = {}, {}, set(), {}
        self.filed, self.links_bytes = {}, 0
        if self._owner.get(self._variant) is self:
            del self._owner[self._variant]


def _row_bytes(key: RowKey, row: Row) -> int:
    more = key_bytes(key) if type(key) is tuple else 0
    return len(row.json) + ROW_BYTES + 50 * len(row.dependencies) + 8 * len(row.articles) + more


class RowCache:
    """All tables together, within `capacity_bytes`; see `gql.cache.CacheCounters`.

    Attributes:
        clock: how often it has grown.
        hits: rows that were found valid.
        misses: rows that had to be rendered or revalidated.
        evictions: rows that went for others.
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
        """How many rows there are."""
        return sum(len(table.rows) for table in self.tables)

    @property
    def is_nearly_full(self) -> bool:
        """Whether new rows would soon evict others."""
        return self.size_bytes * 5 > self.capacity_bytes * 4

    def grow(self, table: RowTable, size_bytes: int) -> None:
        """Count bytes, and make room for them."""
        if table not in self.tables:
            self.tables[table] = None
            size_bytes += table.own_bytes
        self.clock += 1
        self.size_bytes += size_bytes
        table.size_bytes += size_bytes
        if self.size_bytes > self.capacity_bytes:
            self._make_room(table)

    def shrink(self, table: RowTable, size_bytes: int) -> None:
        """Count bytes that are free again."""
        self.size_bytes -= size_bytes
        table.size_bytes -= size_bytes

    def forget(self, table: RowTable) -> None:
        """Stop counting a table."""
        if table in self.tables:
            del self.tables[table]
            self.size_bytes -= table.size_bytes
            table.size_bytes = 0

    def _make_room(self, growing: RowTable) -> None:
        # A tenth more than needed, so that a full cache does not sort its tables at every row.
        goal = self.capacity_bytes * 9 // 10
        for table in sorted(self.tables, key=lambda each: each.used):
            if self.size_bytes <= goal:
                return
            if table is growing:
                continue
            if self.clock - table.used < RECENT and table.size_bytes * 4 > goal:
                # In use as well: to drop it would evict what is requested next.
                table.is_sparse = growing.is_sparse = True
                table.evict(table.size_bytes // SPARSE)
            else:
                table.drop()
        if self.size_bytes > goal:
            growing.is_sparse = True
            growing.evict(self.size_bytes - goal)
            if self.size_bytes > self.capacity_bytes:
                growing.drop()
