"""The batch load of one link for all documents of a level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arguments import FallbackError, Variables
from .plan import LinkPlan
from .rows import RowTable


class LinkBatch:
    """What one link loads for the documents of a level.

    Attributes:
        plan: of the link.
        asked: its prepared arguments.
        keys: for each source, the keys that it loads.
        table: the rows it leads to, where it is remembered in which each key results.
        rows: by key, where it leads, as far as that is known.
        missing: the keys that have to be loaded.
    """

    __slots__ = ("asked", "keys", "missing", "plan", "rows", "table")

    def __init__(
        self, plan: LinkPlan, documents: Sequence[Any], variables: Variables, version: str
    ) -> None:
        self.plan = plan
        self.asked = plan.arguments(variables) if plan.arguments is not None else None
        self.keys = plan.link.keys(plan.sources_in(documents), self.asked, plan.with_total)
        self.table: RowTable | None = None
        self.rows: dict[Any, Any] = {}
        if plan.target is not None and plan.target.keys_are_ids:  # else it leads to several rows
            self.table = plan.target.table(variables)
            self.table.at(version)
            self.rows = self.table.links
        wanted = dict.fromkeys([key for keys in self.keys for key in keys])
        known = self.rows
        self.missing = [key for key in wanted if key not in known] if known else list(wanted)

    def values(self) -> tuple[list[Any], list[Any]]:
        """For each source the value to embed, and the serial numbers of the rows in it.

        Raises: FallbackError: one is missing that may not be null.
        """
        # Most documents of a level have their provider, or all their topics, in common with others.
        found = {keys: self._value(keys) for keys in dict.fromkeys(self.keys)}
        both = [found[keys] for keys in self.keys]
        return [value for value, _ in both], [serial for _, serial in both]

    def _value(self, keys: tuple[Any, ...]) -> tuple[Any, Any]:
        """What to embed for a source with these keys, and the serial numbers of the rows in it."""
        rows = self.rows
        found = self.plan.link.pick([rows[key] for key in keys])
        if not self.plan.link.is_list:
            self._check(found is not None)
            return found and found.fragment, found and found.serial
        self._check(None not in found)
        return (
            tuple([row and row.fragment for row in found]),
            tuple([row and row.serial for row in found]),
        )

    def _check(self, is_there: bool) -> None:
        if not is_there and not self.plan.is_nullable:
            raise FallbackError("null")
