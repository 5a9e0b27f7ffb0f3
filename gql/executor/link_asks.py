"""What a link asks for the documents of a level, and what of it is known already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arguments import Variables
from .fragments import Keys, Shown
from .plan import LinkPlan, ObjectPlan


class LinkAsks:
    """What one link asks for the documents of a level.

    `keys`: for each source, what it asks for. `known`: for which of these it is known what the
    link shows; `missing`: the others. `values`: what it shows, where none is missing.
    """

    __slots__ = ("asked", "keys", "known", "missing", "plan", "values")

    def __init__(
        self, plan: LinkPlan, documents: Sequence[Any], variables: Variables, version: str
    ) -> None:
        self.plan = plan
        self.asked = plan.arguments(variables) if plan.arguments is not None else None
        self.keys = plan.link.keys(plan.sources_in(documents), self.asked, plan.with_total)
        self.known: dict[Keys, Any] = {}
        self.missing: set[Keys] = set()
        self.values: list[Any] = []
        if plan.leads is not None:
            plan.leads.kept.at(version)
            self.known = plan.leads.kept.links(plan.leads.variant(variables))
        try:
            self.values = list(map(self.known.__getitem__, self.keys))
        except KeyError:
            self.missing = set(self.keys).difference(self.known)
            if plan.leads is not None and plan.link.is_list:
                self._put_together(plan.leads, variables)

    def _put_together(self, to: ObjectPlan, variables: Variables) -> None:
        """Of what each key leads to, make what is shown for those asked for together."""
        variant = to.variant(variables)
        singles, pick, made = to.kept.singles(variant), self.plan.link.pick, {}
        for keys in self.missing:
            try:
                shown: list[Shown | None] = [singles[key] for key in keys]
            except KeyError:
                continue
            if len(shown) > 1:
                shown = pick(shown)
            if self.plan.is_nullable or None not in shown:
                made[keys] = tuple([each and each.value for each in shown])
        self.missing.difference_update(made)
        if self.missing:
            self.known = {**self.known, **made}
        else:
            known = self.known
            self.values = [made[keys] if keys in made else known[keys] for keys in self.keys]
        to.kept.keep_links(variant, made, {}, frozenset())
