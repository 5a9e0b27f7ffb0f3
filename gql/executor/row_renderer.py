"""Row rendering: the JSON of list items and linked documents, from the row cache or new.

Links are loaded level by level: at each level, each batch load is one call to the store for a chunk
of documents. Where all rows of a level are valid, nothing below it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from gql.scheduler import Job
from gql.schema.loaders import BatchLoad
from store import Page, Snapshot, Visibility
from store.model import Article

from .link_batch import LinkBatch, articles_of, dependencies_of
from .planning.arguments import RequestVariables
from .planning.plan import ConnectionPlan, EncodeCursor, ObjectPlan
from .row_encoding import to_json, to_json_each
from .rows.row import ANY_ARTICLE, Row, RowKey, make_row
from .rows.row_cache import RowTable

CHUNK_SIZE = 128
"""The number of documents that are rendered before the time slice may end: some milliseconds."""


def chunks(count: int, plan: ObjectPlan) -> Iterator[slice]:
    """The slices of `count` documents that are rendered without a pause."""
    size = 1 if plan.is_slow else CHUNK_SIZE
    return (slice(start, start + size) for start in range(0, count, size))


class RowRenderer:
    """Renders rows for one execution.

    Attributes:
        snapshot: The snapshot that is read.
        version: The version of the snapshot.
        visibility: The documents that the viewer may see.
        variables: The variables of the request.
        job: The scheduler's job, which gets time slices; None for a synchronous execution.
    """

    __slots__ = ("job", "snapshot", "variables", "version", "visibility")

    def __init__(
        self,
        snapshot: Snapshot,
        visibility: Visibility,
        variables: RequestVariables,
        job: Job | None = None,
    ) -> None:
        self.job = job
        self.snapshot = snapshot
        self.version = snapshot.version
        self.visibility = visibility
        self.variables = variables

    async def pause(self) -> None:
        """Wait for the next time slice if the current one is over."""
        if self.job is not None:
            await self.job.pause()

    async def load(
        self, loads: Sequence[tuple[BatchLoad, Sequence[Any]]]
    ) -> dict[BatchLoad, dict[Any, Any]]:
        """Run batch loads, with one call to the store for each distinct one; the values by key."""
        distinct: dict[BatchLoad, dict[Any, None]] = {}
        for load, keys in loads:
            distinct.setdefault(load, {}).update(dict.fromkeys(keys))
        loaded: dict[BatchLoad, dict[Any, Any]] = {}
        for load, load_keys in distinct.items():
            keys = list(load_keys)
            values = await load(self.snapshot, keys, self.visibility) if keys else ()
            loaded[load] = dict(zip(keys, values, strict=True))
        return loaded

    # Links

    async def load_links(self, plan: ObjectPlan, documents: Sequence[Any]) -> Sequence[LinkBatch]:
        """Load and render the links of documents."""
        await self.pause()
        batches = [
            LinkBatch(link, documents, self.variables, self.snapshot, self.visibility)
            for link in plan.links
        ]
        loads = [(batch.plan.link.load, batch.missing) for batch in batches if batch.missing]
        loaded = await self.load(loads) if loads else {}
        for batch in batches:
            if batch.missing:
                by_key = loaded[batch.plan.link.load]
                await self.pause()
                await self.render_links(batch, {key: by_key[key] for key in batch.missing})
            batch.pick()
        return batches

    async def render_links(self, batch: LinkBatch, values: dict[Any, Any]) -> None:
        """Render the loaded values of a batch's missing keys."""
        target = batch.plan.target
        if isinstance(target, ConnectionPlan):
            batch.rows = await self.connection_rows(batch, target, values)
            return
        loaded = values.values()
        documents = chain.from_iterable(loaded) if batch.plan.link.loads_lists else loaded
        distinct = {document.id: document for document in documents if document is not None}
        by_id = await self.rows_by_id(target, list(distinct.values()))
        if batch.plan.link.loads_lists:
            batch.rows = {key: [by_id[each.id] for each in items] for key, items in values.items()}
            return
        new = {key: document and by_id[document.id] for key, document in values.items()}
        batch.rows = {**batch.rows, **new} if batch.rows else new
        if batch.table is not None and batch.table.version == self.version:
            batch.table.memoize_links(new)

    async def connection_rows(
        self, batch: LinkBatch, plan: ConnectionPlan, pages: Mapping[Any, Page[Any]]
    ) -> dict[Any, Row]:
        """Render several connections together; their rows by key, which are not cached."""
        request = batch.plan.request((), batch.prepared)
        encode_cursor = request.cursor_encoder(self.snapshot.cursors)
        lists = [
            await self.join_pages(items, encode_cursor, list(pages.values()))
            for items in plan.items
        ]
        rows = {}
        for n, (key, page) in enumerate(pages.items()):
            await self.pause()
            envelope = plan.envelope(page, encode_cursor)
            items = (each[n] for each in lists)
            pieces = chain.from_iterable(zip(items, envelope[1:], strict=True))
            json = b"".join([envelope[0], *pieces])
            rows[key] = make_row("", page, (), self.articles_in(plan, encode_cursor, page), json)
        return rows

    def articles_in(
        self, plan: ConnectionPlan, encode_cursor: EncodeCursor | None, page: Page[Any]
    ) -> Sequence[str]:
        """The ids of the articles in a page whose items were just rendered; see `Row.articles`."""
        if not page.survives_edits:
            return (ANY_ARTICLE,)
        ids = list(page.item_ids()) if plan.items else []
        for items in plan.items:
            if items.embeds_articles:
                table = items.table(self.variables, encode_cursor)
                keys = items.row_keys(page.item_ids(), self.variables)
                if table.version != self.version or not table.valid.keys() >= set(keys):
                    return (ANY_ARTICLE,)
                ids += chain.from_iterable(table.rows[key].articles for key in keys)
        return ids

    async def join_pages(
        self, plan: ObjectPlan, encode_cursor: EncodeCursor | None, pages: Sequence[Page[Any]]
    ) -> list[bytes]:
        """The joined JSON of each page's items. All cache misses are rendered together."""
        table = plan.table(self.variables, encode_cursor)
        valid = table.valid_rows(self.snapshot, self.visibility)
        keys_of_pages = [plan.row_keys(page.item_ids(), self.variables) for page in pages]
        new: dict[RowKey, Any] = {}
        for keys, page in zip(keys_of_pages, pages, strict=True):
            if not all(key in valid for key in keys):
                new.update(zip(keys, page.items, strict=True))
        texts: Mapping[RowKey, bytes] = valid
        if new:
            hits = {key: valid[key] for keys in keys_of_pages for key in keys if key in valid}
            texts = hits | await self.row_texts(plan, table, new, encode_cursor)
        return [b",".join(map(texts.__getitem__, keys)) for keys in keys_of_pages]

    # Rows of documents

    async def rows_by_id(
        self, plans: dict[str, ObjectPlan], documents: Sequence[Any]
    ) -> dict[Any, Row]:
        """The rows of distinct documents of any types, by id."""
        rows: dict[Any, Row] = {}
        for type_name, plan in plans.items():
            same_type = [each for each in documents if type(each).__name__ == type_name]
            if same_type:
                rows.update(await self.rows_of_type(plan, same_type))
        return rows

    async def rows_of_type(self, plan: ObjectPlan, documents: Sequence[Any]) -> dict[Any, Row]:
        """The rows of distinct documents of one type, by id."""
        table = plan.table(self.variables)
        valid = table.valid_rows(self.snapshot, self.visibility)
        ids = [document.id for document in documents]
        keys = plan.row_keys(ids, self.variables)
        rows = {key: table.rows[key] for key in keys if key in valid}
        plan.row_cache.hits += len(rows)
        missing = [n for n, key in enumerate(keys) if key not in rows]
        if missing:
            new = [keys[n] for n in missing]
            new_rows = await self.make_rows(plan, table, new, [documents[n] for n in missing])
            rows.update(zip(new, new_rows, strict=True))
        return {id: rows[key] for id, key in zip(ids, keys, strict=True)}

    async def render_page(
        self,
        plan: ObjectPlan,
        table: RowTable,
        page: Page[Any],
        encode_cursor: EncodeCursor | None,
    ) -> bytes:
        """The joined JSON of a page's items, after a cache miss of the page."""
        keys = plan.row_keys(page.item_ids(), self.variables)
        documents = dict(zip(keys, page.items, strict=True))
        if plan.survives_writes and table.are_mostly_new(keys):
            # Encoded in one call and not cached: most documents are requested only once.
            plan.row_cache.misses += len(keys)
            texts = []
            for chunk in chunks(len(keys), plan):
                batches = await self.load_links(plan, page.items[chunk])
                objects = self.build_objects(plan, page.items[chunk], batches, encode_cursor)
                texts.append(to_json(objects)[1:-1])
            table.record_requests(keys)
            return b",".join(texts)
        by_key = await self.row_texts(plan, table, documents, encode_cursor)
        if plan.keys_are_ids and table.version == self.version:
            table.store_ordinals(page)
        return b",".join([by_key[key] for key in keys])

    async def row_texts(
        self,
        plan: ObjectPlan,
        table: RowTable,
        documents: Mapping[RowKey, Any],
        encode_cursor: EncodeCursor | None,
    ) -> dict[RowKey, bytes]:
        """The JSON of documents by key, from the cache or rendered."""
        valid = table.valid_rows(self.snapshot, self.visibility)
        texts = {key: valid[key] for key in documents if key in valid}
        plan.row_cache.hits += len(texts)
        missing = [key for key in documents if key not in texts]
        if not missing:
            return texts
        new = [documents[key] for key in missing]
        if plan.survives_writes and table.are_mostly_new(missing):
            # Not cached: most documents are requested only once.
            plan.row_cache.misses += len(missing)
            for chunk in chunks(len(new), plan):
                batches = await self.load_links(plan, new[chunk])
                objects = self.build_objects(plan, new[chunk], batches, encode_cursor)
                texts.update(zip(missing[chunk], to_json_each(objects), strict=True))
            table.record_requests(missing)
        else:
            rows = await self.make_rows(plan, table, missing, new, encode_cursor)
            texts.update((key, row.json) for key, row in zip(missing, rows, strict=True))
        return texts

    async def make_rows(
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        encode_cursor: EncodeCursor | None = None,
    ) -> Sequence[Row]:
        """The rows of n > 0 distinct documents after a cache miss: revalidated or rendered."""
        plan.row_cache.misses += len(keys)
        rows: list[Row] = []
        for chunk in chunks(len(keys), plan):
            rows += await self._make_chunk(
                plan, table, keys[chunk], documents[chunk], encode_cursor
            )
        return rows

    async def _make_chunk(
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        encode_cursor: EncodeCursor | None,
    ) -> Sequence[Row]:
        """The rows of a chunk of documents: revalidated or rendered."""
        batches = await self.load_links(plan, documents)
        rows: dict[RowKey, Row] = {}
        # A concurrent execution may have moved the table to another version.
        if table.rows and table.version == self.version:
            dependencies = dependencies_of(plan, documents, batches)
            for key, document, serials in zip(keys, documents, dependencies, strict=True):
                row = table.revalidate(key, document, serials)
                if row is not None:
                    rows[key] = row
        if len(rows) == len(keys):
            return [rows[key] for key in keys]
        if rows:
            stale = [n for n, key in enumerate(keys) if key not in rows]
            stale_keys, stale_documents = [keys[n] for n in stale], [documents[n] for n in stale]
            batches = await self.load_links(plan, stale_documents)
            rows |= self._render_rows(
                plan, table, stale_keys, stale_documents, batches, encode_cursor
            )
        else:
            rows = self._render_rows(plan, table, keys, documents, batches, encode_cursor)
        return [rows[key] for key in keys]

    def _render_rows(  # noqa: PLR0913, PLR0917  # the inputs of a row
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        batches: Sequence[LinkBatch],
        encode_cursor: EncodeCursor | None,
    ) -> dict[RowKey, Row]:
        """Render new rows of documents, and admit those that were requested before."""
        texts = to_json_each(self.build_objects(plan, documents, batches, encode_cursor))
        dependencies = dependencies_of(plan, documents, batches)
        articles = articles_of(plan, documents, batches)
        ids = [document.id for document in documents]
        new_rows = map(make_row, ids, documents, dependencies, articles, texts)
        rows = dict(zip(keys, new_rows, strict=True))
        if table.version == self.version:
            table.add(rows)
        return rows

    def build_objects(
        self,
        plan: ObjectPlan,
        documents: Sequence[Any],
        batches: Sequence[LinkBatch],
        encode_cursor: EncodeCursor | None,
    ) -> Sequence[Any]:
        """The response objects of documents. Raises: FallbackError."""
        columns = [batch.values() for batch in batches]
        return plan.build_objects(
            documents, columns, self.variables, self.encode_revision, encode_cursor
        )

    def encode_revision(self, article: Article) -> str:
        """The revision of an article, encoded for the viewer."""
        number = article.revision_for(self.visibility)
        return self.snapshot.cursors.revision(article.id, number)
