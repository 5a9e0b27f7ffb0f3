"""Step 5: execution, from a plan and one snapshot of the store to the JSON of the response."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from gql.scheduler import Job
from store import Page, Snapshot, Visibility

from .cached_values import (
    MAX_ITEMS,
    CachedDocument,
    CachedNodes,
    CachedScalar,
    CachedValue,
    cached_connection,
)
from .errors import FallbackError, fall_back
from .planning.arguments import RequestVariables
from .planning.operation_plan import OperationPlan
from .planning.plan import ConnectionPlan, LinkPlan, LinkRequest, ObjectPlan
from .row_encoding import to_json
from .row_renderer import RowRenderer
from .rows.rows_by_ordinal import Buffer

T = TypeVar("T")


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits. Raises: FallbackError: it waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    return fall_back("waits")


class PlanExecution(RowRenderer):
    """The execution of a plan for one request.

    Attributes:
        cached_value: The last root field as a cached value; None where it is not cacheable.
        cached_state: The structure or the version of the store for which that is valid.
    """

    __slots__ = ("cached_state", "cached_value")

    def __init__(
        self,
        snapshot: Snapshot,
        visibility: Visibility,
        variables: RequestVariables,
        job: Job | None = None,
    ) -> None:
        super().__init__(snapshot, visibility, variables, job)
        self.cached_value: CachedValue | None = None
        self.cached_state = snapshot.edits.structure_version

    async def run(self, plan: OperationPlan) -> Sequence[Buffer]:
        """The JSON of the whole response, in pieces. Raises: FallbackError."""
        fields = plan.links
        requests = [field.root_request(self.variables) for field in fields]
        pairs = list(zip(fields, requests, strict=True))
        cached: list[CachedValue | None]
        if len(pairs) == 1:
            [(field, request)] = pairs
            loaded = await field.link.load(self.snapshot, request.keys, self.visibility)
            values = [await self.root_value(field, request, loaded)]
            cached = [self.cached_value]
        else:
            values, cached = [], []
            by_load = await self.load([(field.link.load, request.keys) for field, request in pairs])
            for field, request in pairs:
                await self.pause()
                by_key, self.cached_value = by_load[field.link.load], None
                loaded = [by_key[key] for key in request.keys]
                values.append(await self.root_value(field, request, loaded))
                cached.append(self.cached_value)
        if None not in cached:
            self.variables.cached_values = cached
            self.variables.cached_state = self.cached_state
        return plan.assemble(values)

    async def root_value(
        self, field: LinkPlan, request: LinkRequest, loaded: Sequence[Any]
    ) -> Sequence[Buffer]:
        """The JSON of a root field in pieces, given the loaded values of its keys."""
        target = field.target
        if isinstance(target, ConnectionPlan):
            return await self.render_connection(target, request, loaded[0])
        value = field.link.pick(loaded)
        if not target:  # a scalar
            text = to_json(value)
            self.cached_value, self.cached_state = CachedScalar(text), self.version
            return (text,)
        if field.link.is_list:
            return await self.render_documents(field, value)
        if value is None:
            return (b"null",) if field.is_nullable else fall_back("null")
        return (await self.render_document(target[type(value).__name__], value),)

    async def render_document(self, plan: ObjectPlan, document: Any) -> bytes:
        """The JSON of one document."""
        table = plan.table(self.variables)
        [key] = keys = plan.row_keys((document.id,), self.variables)
        self.cached_value = CachedDocument(table, key)
        json = table.valid_rows(self.snapshot, self.visibility).get(key)
        if json is not None:
            plan.row_cache.hits += 1
            return json
        [row] = await self.make_rows(plan, table, keys, (document,))
        return row.json

    async def render_documents(self, field: LinkPlan, documents: Sequence[Any]) -> Sequence[Buffer]:
        """The JSON of a list of documents. It may contain None, and one document several times."""
        plans = field.target
        assert isinstance(plans, dict)  # noqa: S101  # the other kind of target has pages
        if None in documents and not field.is_nullable:
            raise FallbackError("null")
        tables = {name: plan.table(self.variables) for name, plan in plans.items()}
        for table in tables.values():
            table.valid_rows(self.snapshot, self.visibility)
        rows = [each and (tables[type(each).__name__], each.id) for each in documents]
        cached = CachedNodes(rows)
        pieces = cached.read(self.snapshot, self.visibility)
        if pieces is not None:
            self.cached_value = cached if len(rows) <= MAX_ITEMS else None
            return pieces
        distinct = {each.id: each for each in documents if each is not None}
        by_id = await self.rows_by_id(plans, list(distinct.values()))
        texts = [b"null" if each is None else by_id[each.id].json for each in documents]
        return b"[", b",".join(texts), b"]"

    async def render_connection(
        self, plan: ConnectionPlan, request: LinkRequest, page: Page[Any]
    ) -> Sequence[Buffer]:
        """The JSON of a connection, in pieces."""
        encode_cursor = request.cursor_encoder(self.snapshot.cursors)
        envelope = plan.envelope(page, encode_cursor)
        pieces: list[Buffer] = [envelope[0]]
        tables = []
        for items, after in zip(plan.items, envelope[1:], strict=True):
            table = items.table(self.variables, encode_cursor)
            table.valid_rows(self.snapshot, self.visibility)
            joined = table.join_page(page) if items.keys_are_ids else None
            if joined is None:
                joined = (await self.render_page(items, table, page, encode_cursor),)
            else:
                items.row_cache.hits += len(page.items)
            pieces += joined
            pieces.append(after)
            tables.append(table)
        self.cached_value = cached_connection(plan, tables, page, envelope, self.variables)
        if not page.survives_edits:
            self.cached_state = self.version
        return pieces
