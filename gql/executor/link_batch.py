"""The batch load of one link for all documents of a level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from store import Snapshot, Visibility

from .planning.arguments import FallbackError, Variables
from .planning.plan import LinkPlan
from .rows.row_cache import RowTable


class LinkBatch:
    """What one link loads for the documents of a level.

    Attributes:
        plan: of the link.
        asked: its prepared arguments.
        keys: for each source, the keys that it loads.
        table: the rows it leads to, where it is remembered in which each key results.
        rows: by key, where it leads, as far as that is known.
        missing: the keys that have to be loaded.
        found: the row, the rows or None for the keys of each source.
    """

    __slots__ = ("asked", "found", "keys", "missing", "plan", "rows", "table")

    def __init__(
        self,
        plan: LinkPlan,
        documents: Sequence[Any],
        variables: Variables,
        snapshot: Snapshot,
        visibility: Visibility,
    ) -> None:
        self.plan = plan
        self.asked = plan.arguments(variables) if plan.arguments is not None else None
        self.keys = plan.link.keys(plan.sources_in(documents), self.asked, plan.with_total)
        self.table: RowTable | None = None
        self.rows: dict[Any, Any] = {}
        self.found: dict[tuple[Any, ...], Any] = {}
        if plan.target is not None and plan.target.keys_are_ids:  # else it leads to several rows
            self.table = plan.target.table(variables)
            self.table.at(snapshot, visibility)
            self.rows = self.table.links
        wanted = dict.fromkeys([key for keys in self.keys for key in keys])
        known = self.rows
        self.missing = [key for key in wanted if key not in known] if known else list(wanted)

    def pick(self) -> None:
        """Find the rows of each source, once all are there. Raises: FallbackError: one is not."""
        pick, rows = self.plan.link.pick, self.rows
        # Most documents of a level have their provider, or all their topics, in common with others.
        self.found = {keys: pick([rows[key] for key in keys]) for keys in dict.fromkeys(self.keys)}
        if not self.plan.is_nullable:
            is_list = self.plan.link.is_list
            for found in self.found.values():
                if found is None or (is_list and None in found):
                    raise FallbackError("null")

    def values(self) -> Sequence[Any]:
        """For each source the value to embed."""
        if self.plan.link.is_list:
            return self._of_each(lambda found: tuple([row and row.fragment for row in found]))
        return self._of_each(lambda row: row and row.fragment)

    def serials(self) -> Sequence[Any]:
        """For each source the serial numbers of its rows."""
        if self.plan.link.is_list:
            return self._of_each(lambda found: tuple([row and row.serial for row in found]))
        return self._of_each(lambda row: row and row.serial)

    def articles(self) -> Sequence[Sequence[str]]:
        """For each source the ids of the articles that show in its rows."""
        if self.plan.leads_to_page:
            return self._of_each(lambda page: page.articles)
        if self.plan.link.is_list:
            return self._of_each(_articles_in)
        return self._of_each(lambda row: _articles_in((row,)))

    def _of_each(self, of: Callable[[Any], Any]) -> list[Any]:
        made = {keys: of(found) for keys, found in self.found.items()}
        return [made[keys] for keys in self.keys]


def _articles_in(rows: Sequence[Any]) -> Sequence[str]:
    return [id for row in rows if row is not None for id in (row.id, *row.articles)]
