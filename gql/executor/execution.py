"""Step 6: a plan executed on one snapshot: load level by level, render, embed.

At each level every kind of batch load is one call to the store, for a part of its objects. Rows
come from the cache where they are valid; where all are, nothing is loaded below.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from gql.scheduler import Job
from gql.schema.loaders import BatchLoad
from store import Page, Snapshot, Visibility
from store.model import Article

from .codegen.writer import fallback, texts_of, to_json
from .link_batch import LinkBatch
from .located import MAX_ITEMS, Located, LocatedNodes, LocatedRow, locate_connection
from .planning.arguments import FallbackError, Variables
from .planning.operation_plan import OperationPlan
from .planning.plan import ConnectionPlan, CursorOf, LinkPlan, LinkRequest, ObjectPlan
from .rows.row_cache import ANY_EDIT, MAX_SHOWN, Row, RowKey, RowTable, make_row
from .rows.rows_by_ordinal import Buffer

T = TypeVar("T")

ROOT = (None,)

PART = 128
"""How many documents are rendered before others have their turn: some milliseconds."""


def without_waiting(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits. Raises: FallbackError: it does."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    return fallback("waits")


def in_parts(count: int) -> Iterator[slice]:
    """`count` documents in parts of which each is rendered in one go."""
    return (slice(start, start + PART) for start in range(0, count, PART))


def dependencies_of(
    plan: ObjectPlan, documents: Sequence[Any], batches: Sequence[LinkBatch]
) -> Sequence[tuple[Any, ...]]:
    """For each document the serial numbers of the rows that it embeds."""
    if not batches or not plan.survives_writes:
        return [()] * len(documents)
    columns = [batch.plan.by_document(documents, batch.serials()) for batch in batches]
    return list(zip(*columns, strict=True))


def articles_of(
    plan: ObjectPlan, documents: Sequence[Any], batches: Sequence[LinkBatch]
) -> Sequence[Sequence[str]]:
    """For each document the ids of the articles that show in its row, as far as they are noted."""
    if not plan.embeds_articles:
        return [()] * len(documents)
    columns = [
        batch.plan.joined_by_document(documents, batch.articles())
        for batch in batches
        if batch.plan.embeds_articles
    ]
    if not plan.survives_writes:  # then a row's key may be more than the id of its document
        columns.append([(document.id,) for document in documents])
    joined = [tuple(chain.from_iterable(each)) for each in zip(*columns, strict=True)]
    return [ids if len(ids) <= MAX_SHOWN else (ANY_EDIT,) for ids in joined]


class PlanExecution:
    """One execution of a plan.

    Attributes:
        snapshot: the version of the store that is read.
        version: its name.
        located: where the value of the last field at the root was found, if that can be told.
        located_state: the structure or the version of the store for which that holds.
        visibility: the documents that the viewer may see.
        variables: those of the request.
        job: gets its time slices; None where it cannot wait for one.
    """

    __slots__ = (
        "job",
        "located",
        "located_state",
        "snapshot",
        "variables",
        "version",
        "visibility",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        visibility: Visibility,
        variables: Variables,
        job: Job | None = None,
    ) -> None:
        self.job = job
        self.snapshot = snapshot
        self.version = snapshot.version
        self.located: Located | None = None
        self.located_state = snapshot.edits.structure_version
        self.visibility = visibility
        self.variables = variables

    async def answer(self, plan: OperationPlan) -> Sequence[Buffer]:
        """The JSON of the whole answer, in pieces. Raises: FallbackError."""
        links = plan.links
        requests = [link.root_request(self.variables) for link in links]
        pairs = list(zip(links, requests, strict=True))
        if len(pairs) == 1:
            [(link, request)] = pairs
            answers = await link.link.ask(self.snapshot, request.keys, self.visibility)
            values = [await self.value(link, request, answers)]
            located = [self.located]
        else:
            values, located = [], []
            loaded = await self.load([(link.link.ask, request.keys) for link, request in pairs])
            for link, request in pairs:
                await self.pause()
                by_key, self.located = loaded[link.link.ask], None
                answers = [by_key[key] for key in request.keys]
                values.append(await self.value(link, request, answers))
                located.append(self.located)
        if None not in located:
            self.variables.located = located
            self.variables.located_state = self.located_state
        return plan.assemble(values)

    async def pause(self) -> None:
        """Let others have their turn, if this has gone on for long."""
        if self.job is not None:
            await self.job.pause()

    async def value(
        self, link: LinkPlan, request: LinkRequest, answers: Sequence[Any]
    ) -> Sequence[Buffer]:
        """The JSON of a link at the root, in pieces."""
        below = link.below
        if isinstance(below, ConnectionPlan):
            return await self.connection(below, request, answers[0])
        found = link.link.pick(answers)
        if link.link.is_list:
            return await self.entities_json(link, found)
        if found is None:
            return (b"null",) if link.is_nullable else fallback("null")
        return (await self.entity_json(below[type(found).__name__], found),)

    async def entity_json(self, plan: ObjectPlan, document: Any) -> bytes:
        """The JSON of one document."""
        table = plan.table(self.variables)
        [key] = keys = plan.keys((document.id,), self.variables)
        self.located = LocatedRow(table, key)
        json = table.at(self.snapshot, self.visibility).get(key)
        if json is not None:
            plan.cache.hits += 1
            return json
        [row] = await self.rows(plan, table, keys, (document,))
        return row.json

    async def entities_json(self, link: LinkPlan, found: Sequence[Any]) -> Sequence[Buffer]:
        """The JSON of a list of documents, some of which may not be there or come twice."""
        below = link.below
        assert isinstance(below, dict)  # noqa: S101  # the other kind has pages
        if None in found and not link.is_nullable:
            raise FallbackError("null")
        tables = {name: plan.table(self.variables) for name, plan in below.items()}
        for table in tables.values():
            table.at(self.snapshot, self.visibility)
        places = [e and (tables[type(e).__name__], e.id) for e in found]
        located = LocatedNodes(places)
        pieces = located.pieces(self.snapshot, self.visibility)
        if pieces is not None:
            self.located = located if len(places) <= MAX_ITEMS else None
            return pieces
        distinct = {entity.id: entity for entity in found if entity is not None}
        rows = await self.entities(below, list(distinct.values()))
        texts = [b"null" if entity is None else rows[entity.id].json for entity in found]
        return b"[", b",".join(texts), b"]"

    async def connection(
        self, plan: ConnectionPlan, request: LinkRequest, page: Page[Any]
    ) -> Sequence[Buffer]:
        """The JSON of a connection, in pieces."""
        cursor_of = request.cursor_of(self.snapshot.cursors)
        envelope = plan.envelope(page, cursor_of)
        pieces: list[Buffer] = [envelope[0]]
        tables = []
        for items, behind in zip(plan.items, envelope[1:], strict=True):
            table = items.table(self.variables, cursor_of)
            table.at(self.snapshot, self.visibility)
            joined = table.joined(page) if items.keys_are_ids else None
            if joined is None:
                joined = (await self.rendered_page(items, table, page, cursor_of),)
            else:
                items.cache.hits += len(page.items)
            pieces += joined
            pieces.append(behind)
            tables.append(table)
        self.located = locate_connection(plan, tables, page, envelope, self.variables)
        if not page.survives_edits:
            self.located_state = self.version
        return pieces

    async def rendered_page(
        self,
        plan: ObjectPlan,
        table: RowTable,
        page: Page[Any],
        cursor_of: CursorOf | None,
    ) -> bytes:
        """The joined JSON of a page's items, of which some are not known to be cached."""
        keys = plan.keys(page.item_ids(), self.variables)
        documents = dict(zip(keys, page.items, strict=True))
        if plan.survives_writes and table.are_mostly_new(keys):
            # Written in one go, and not cached: most documents are never requested again.
            plan.cache.misses += len(keys)
            texts = []
            for part in in_parts(len(keys)):
                batches = await self.batches(plan, page.items[part])
                texts.append(to_json(self.shown(plan, page.items[part], batches, cursor_of))[1:-1])
            table.note_requested(keys)
            return b",".join(texts)
        found = await self.page_rows(plan, table, documents, cursor_of)
        if plan.keys_are_ids and table.version == self.version:
            table.file(page)
        return b",".join([found[key] for key in keys])

    async def page_rows(
        self,
        plan: ObjectPlan,
        table: RowTable,
        documents: Mapping[RowKey, Any],
        cursor_of: CursorOf | None,
    ) -> dict[RowKey, bytes]:
        """The JSON of documents, from the cache or rendered."""
        valid = table.at(self.snapshot, self.visibility)
        found = {key: valid[key] for key in documents if key in valid}
        plan.cache.hits += len(found)
        missing = [key for key in documents if key not in found]
        if not missing:
            return found
        new = [documents[key] for key in missing]
        if plan.survives_writes and table.are_mostly_new(missing):
            # Not cached: most documents are never requested again.
            plan.cache.misses += len(missing)
            for part in in_parts(len(new)):
                batches = await self.batches(plan, new[part])
                texts = texts_of(self.shown(plan, new[part], batches, cursor_of))
                found.update(zip(missing[part], texts, strict=True))
            table.note_requested(missing)
        else:
            made = await self.rows(plan, table, missing, new, cursor_of)
            found.update((key, row.json) for key, row in zip(missing, made, strict=True))
        return found

    async def rows(
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        cursor_of: CursorOf | None = None,
    ) -> Sequence[Row]:
        """The rows of n > 0 distinct documents that are not valid yet: revalidated or rendered."""
        plan.cache.misses += len(keys)
        rows: list[Row] = []
        for part in in_parts(len(keys)):
            rows += await self.rows_of_part(plan, table, keys[part], documents[part], cursor_of)
        return rows

    async def rows_of_part(
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        cursor_of: CursorOf | None,
    ) -> Sequence[Row]:
        """The same for a part of the documents."""
        batches = await self.batches(plan, documents)
        found: dict[RowKey, Row] = {}
        if table.rows and table.version == self.version:  # others may read another one meanwhile
            dependencies = dependencies_of(plan, documents, batches)
            for key, document, serials in zip(keys, documents, dependencies, strict=True):
                row = table.revalidate(key, document, serials)
                if row is not None:
                    found[key] = row
        if len(found) == len(keys):
            return [found[key] for key in keys]
        if found:
            left = [n for n, key in enumerate(keys) if key not in found]
            more = await self.rendered(
                plan, table, [keys[n] for n in left], [documents[n] for n in left], cursor_of
            )
        else:
            more = self.made(plan, table, keys, documents, batches, cursor_of)
        found.update(more)
        return [found[key] for key in keys]

    async def rendered(
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        cursor_of: CursorOf | None,
    ) -> dict[RowKey, Row]:
        """New rows of documents, with what they embed."""
        batches = await self.batches(plan, documents)
        return self.made(plan, table, keys, documents, batches, cursor_of)

    def made(  # noqa: PLR0913, PLR0917  # all that a row is made of
        self,
        plan: ObjectPlan,
        table: RowTable,
        keys: Sequence[RowKey],
        documents: Sequence[Any],
        batches: Sequence[LinkBatch],
        cursor_of: CursorOf | None,
    ) -> dict[RowKey, Row]:
        """New rows of documents; those requested before go into the cache."""
        texts = texts_of(self.shown(plan, documents, batches, cursor_of))
        dependencies = dependencies_of(plan, documents, batches)
        articles = articles_of(plan, documents, batches)
        ids = [document.id for document in documents]
        made = map(make_row, ids, documents, dependencies, articles, texts)
        rows = dict(zip(keys, made, strict=True))
        if table.version == self.version:
            table.add(rows)
        return rows

    async def batches(self, plan: ObjectPlan, documents: Sequence[Any]) -> Sequence[LinkBatch]:
        """What the links of documents lead to, rendered."""
        await self.pause()
        batches = [
            LinkBatch(link, documents, self.variables, self.snapshot, self.visibility)
            for link in plan.links
        ]
        loads = [(batch.plan.link.ask, batch.missing) for batch in batches if batch.missing]
        loaded = await self.load(loads) if loads else {}
        for batch in batches:
            if batch.missing:
                by_key = loaded[batch.plan.link.ask]
                await self.pause()
                await self.resolve(batch, {key: by_key[key] for key in batch.missing})
            batch.pick()
        return batches

    def shown(
        self,
        plan: ObjectPlan,
        documents: Sequence[Any],
        batches: Sequence[LinkBatch],
        cursor_of: CursorOf | None,
    ) -> Sequence[Any]:
        """The answer's objects for documents. Raises: FallbackError."""
        columns = [batch.values() for batch in batches]
        return plan.shown(documents, columns, self.variables, self.revision_of, cursor_of)

    def revision_of(self, article: Article) -> str:
        """An article's revision, as the viewer gets it."""
        number = article.revision_for(self.visibility)
        return self.snapshot.cursors.revision(article.id, number)

    async def load(
        self, loads: Sequence[tuple[BatchLoad, Sequence[Any]]]
    ) -> dict[BatchLoad, dict[Any, Any]]:
        """The store's answers by kind of batch load and key; one call for each kind."""
        wanted: dict[BatchLoad, dict[Any, None]] = {}
        for ask, keys in loads:
            wanted.setdefault(ask, {}).update(dict.fromkeys(keys))
        answers: dict[BatchLoad, dict[Any, Any]] = {}
        for ask, distinct in wanted.items():
            keys = list(distinct)
            found = await ask(self.snapshot, keys, self.visibility) if keys else ()
            answers[ask] = dict(zip(keys, found, strict=True))
        return answers

    async def resolve(self, batch: LinkBatch, answers: dict[Any, Any]) -> None:
        """Render where the missing keys of a batch lead."""
        below = batch.plan.below
        if isinstance(below, ConnectionPlan):
            batch.rows = await self.connections(batch, below, answers)
            return
        distinct = {entity.id: entity for entity in answers.values() if entity is not None}
        by_id = await self.entities(below, list(distinct.values()))
        new = {key: entity and by_id[entity.id] for key, entity in answers.items()}
        batch.rows = {**batch.rows, **new} if batch.rows else new
        if batch.table is not None and batch.table.version == self.version:
            batch.table.keep_links(new)

    async def entities(
        self, below: dict[str, ObjectPlan], entities: Sequence[Any]
    ) -> dict[Any, Row]:
        """The rows of distinct documents, by id."""
        found: dict[Any, Row] = {}
        for type_name, plan in below.items():
            same = [entity for entity in entities if type(entity).__name__ == type_name]
            if same:
                found.update(await self.entity_rows(plan, same))
        return found

    async def entity_rows(self, plan: ObjectPlan, documents: Sequence[Any]) -> dict[Any, Row]:
        """The rows of distinct documents of one type, by id."""
        table = plan.table(self.variables)
        valid = table.at(self.snapshot, self.visibility)
        ids = [document.id for document in documents]
        keys = plan.keys(ids, self.variables)
        rows = {key: table.rows[key] for key in keys if key in valid}
        plan.cache.hits += len(rows)
        missing = [n for n, key in enumerate(keys) if key not in rows]
        if missing:
            new = [keys[n] for n in missing]
            made = await self.rows(plan, table, new, [documents[n] for n in missing])
            rows.update(zip(new, made, strict=True))
        return {id: rows[key] for id, key in zip(ids, keys, strict=True)}

    async def connections(
        self, batch: LinkBatch, plan: ConnectionPlan, pages: Mapping[Any, Page[Any]]
    ) -> dict[Any, Row]:
        """Several connections, rendered together; as rows by key, which nobody keeps."""
        request = batch.plan.request((), batch.asked)
        cursor_of = request.cursor_of(self.snapshot.cursors)
        lists = [await self.joined(items, cursor_of, list(pages.values())) for items in plan.items]
        found = {}
        for n, (key, page) in enumerate(pages.items()):
            await self.pause()
            envelope = plan.envelope(page, cursor_of)
            parts = chain.from_iterable(zip((each[n] for each in lists), envelope[1:], strict=True))
            json = b"".join([envelope[0], *parts])
            found[key] = make_row("", page, (), self.articles_in(plan, cursor_of, page), json)
        return found

    def articles_in(
        self, plan: ConnectionPlan, cursor_of: CursorOf | None, page: Page[Any]
    ) -> Sequence[str]:
        """The ids of the articles that show in a page whose items were just read or rendered."""
        if not page.survives_edits:
            return (ANY_EDIT,)
        ids = list(page.item_ids()) if plan.items else []
        for items in plan.items:
            if items.embeds_articles:
                table = items.table(self.variables, cursor_of)
                keys = items.keys(page.item_ids(), self.variables)
                if table.version != self.version or not table.valid.keys() >= set(keys):
                    return (ANY_EDIT,)
                ids += chain.from_iterable(table.rows[key].articles for key in keys)
        return ids

    async def joined(
        self, plan: ObjectPlan, cursor_of: CursorOf | None, pages: Sequence[Page[Any]]
    ) -> list[bytes]:
        """The joined JSON of each page's items; what is not cached is rendered in one go."""
        table = plan.table(self.variables, cursor_of)
        valid = table.at(self.snapshot, self.visibility)
        of_pages = [plan.keys(page.item_ids(), self.variables) for page in pages]
        new: dict[RowKey, Any] = {}
        for keys, page in zip(of_pages, pages, strict=True):
            if not all(key in valid for key in keys):
                new.update(zip(keys, page.items, strict=True))
        found: Mapping[RowKey, bytes] = valid
        if new:
            kept = {key: valid[key] for keys in of_pages for key in keys if key in valid}
            found = kept | await self.page_rows(plan, table, new, cursor_of)
        return [b",".join(map(found.__getitem__, keys)) for keys in of_pages]
