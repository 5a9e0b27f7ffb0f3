"""The batch load of one link for all documents of a level, and what rows embed of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from store import Snapshot, Visibility

from .errors import FallbackError
from .planning.arguments import RequestVariables
from .planning.plan import LinkPlan, ObjectPlan
from .rows.row import ANY_ARTICLE, MAX_ARTICLES
from .rows.row_cache import RowTable


class LinkBatch:
    """The keys that one link loads for the documents of a level, and the rows of the results.

    Attributes:
        plan: The plan of the link.
        prepared: Its prepared arguments.
        keys: The keys to load for each source.
        table: The row table of the target, where it memoizes the row of each key.
        rows: The rows by key, as far as they are loaded.
        missing: The keys that have to be loaded.
        picked: The value of each source's keys: a row, a list of rows, or None.
    """

    __slots__ = ("keys", "missing", "picked", "plan", "prepared", "rows", "table")

    def __init__(
        self,
        plan: LinkPlan,
        documents: Sequence[Any],
        variables: RequestVariables,
        snapshot: Snapshot,
        visibility: Visibility,
    ) -> None:
        self.plan = plan
        self.prepared = plan.arguments(variables) if plan.arguments is not None else None
        self.keys = plan.link.keys(plan.sources_in(documents), self.prepared, plan.with_total)
        self.table: RowTable | None = None
        self.rows: dict[Any, Any] = {}
        self.picked: dict[tuple[Any, ...], Any] = {}
        if plan.memo_target is not None and plan.memo_target.keys_are_ids:
            self.table = plan.memo_target.table(variables)
            self.table.valid_rows(snapshot, visibility)
            self.rows = self.table.links
        distinct = dict.fromkeys([key for keys in self.keys for key in keys])
        rows = self.rows
        self.missing = [key for key in distinct if key not in rows] if rows else list(distinct)

    def pick(self) -> None:
        """Pick the rows of each source. Raises: FallbackError: a non-null value is null."""
        pick, rows = self.plan.link.pick, self.rows
        # Many documents of a level share their provider, or all of their topics.
        distinct = dict.fromkeys(self.keys)
        self.picked = {keys: pick([rows[key] for key in keys]) for keys in distinct}
        if not self.plan.is_nullable:
            is_list = self.plan.link.is_list
            for value in self.picked.values():
                if value is None or (is_list and None in value):
                    raise FallbackError("null")

    def values(self) -> Sequence[Any]:
        """The JSON fragments to embed, for each source."""
        if self.plan.link.is_list:
            return self._map(lambda rows: tuple([row and row.fragment for row in rows]))
        return self._map(lambda row: row and row.fragment)

    def serials(self) -> Sequence[Any]:
        """The serial numbers of the rows, for each source."""
        if self.plan.link.is_list:
            return self._map(lambda rows: tuple([row and row.serial for row in rows]))
        return self._map(lambda row: row and row.serial)

    def articles(self) -> Sequence[Sequence[str]]:
        """The ids of the articles in the rows, for each source."""
        if self.plan.loads_pages:
            return self._map(lambda page: page.articles)
        if self.plan.link.is_list:
            return self._map(_articles_in)
        return self._map(lambda row: _articles_in((row,)))

    def _map(self, of: Callable[[Any], Any]) -> list[Any]:
        """A function of each source's value, computed once for equal keys."""
        results = {keys: of(value) for keys, value in self.picked.items()}
        return [results[keys] for keys in self.keys]


def _articles_in(rows: Sequence[Any]) -> Sequence[str]:
    return [id for row in rows if row is not None for id in (row.id, *row.articles)]


def dependencies_of(
    plan: ObjectPlan, documents: Sequence[Any], batches: Sequence[LinkBatch]
) -> Sequence[tuple[Any, ...]]:
    """The serial numbers of the rows that each document's row embeds: n documents -> n tuples."""
    if not batches or not plan.survives_writes:
        return [()] * len(documents)
    columns = [batch.plan.group_by_document(documents, batch.serials()) for batch in batches]
    return list(zip(*columns, strict=True))


def articles_of(
    plan: ObjectPlan, documents: Sequence[Any], batches: Sequence[LinkBatch]
) -> Sequence[Sequence[str]]:
    """The ids of the articles in each document's row; see `Row.articles`."""
    if not plan.embeds_articles:
        return [()] * len(documents)
    columns = [
        batch.plan.concatenate_by_document(documents, batch.articles())
        for batch in batches
        if batch.plan.embeds_articles
    ]
    if not plan.survives_writes:  # then a row's key may be more than the id of its document
        columns.append([(document.id,) for document in documents])
    joined = [tuple(chain.from_iterable(each)) for each in zip(*columns, strict=True)]
    return [ids if len(ids) <= MAX_ARTICLES else (ANY_ARTICLE,) for ids in joined]
