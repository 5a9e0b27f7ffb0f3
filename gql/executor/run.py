"""Step 6: a plan at work on one snapshot: ask the store level by level, render, embed.

At each level every kind of question is one call to the store, for all objects of the level. Kept
results are looked up first; with all of them there, nothing is asked below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store import Page, Snapshot, Visibility

from .arguments import SurpriseError, Variables
from .cache import FragmentCache
from .links import Ask
from .plan import ConnectionPlan, LinkPlan, ObjectPlan
from .render import surprise, to_json

Values = tuple[Any, ...]
ROOT = (None,)


class Run:
    """One execution."""

    __slots__ = ("cache", "snapshot", "variables", "visibility")

    def __init__(
        self,
        snapshot: Snapshot,
        visibility: Visibility,
        variables: Variables,
        cache: FragmentCache,
    ) -> None:
        self.snapshot = snapshot
        self.visibility = visibility
        self.variables = variables
        self.cache = cache

    async def root(self, plan: ObjectPlan) -> dict[str, Any]:
        """The answer's `data`. Raises: SurpriseError."""
        answer: dict[str, Any]
        if len(plan.links) == 1:
            answer = plan.render(None, await self.value(plan.links[0], None))
        else:
            [values] = await self.values(plan, ROOT)
            answer = plan.render(None, *values)
        return answer

    async def page(self, plan: ObjectPlan, page: Page[Any]) -> list[Any]:
        """The results for the documents of a page."""
        place = page.place
        if place is None or not plan.cacheable:
            return await self.objects(plan, page.items)
        kept = plan.fragments(self.variables, self.cache)
        kept.at(self.snapshot.version)
        found = kept.page(place)
        if found is None:
            found = await self.objects(plan, page.items)
            if kept.version == self.snapshot.version:
                kept.keep_page(place, page.items, found)
        return found

    async def objects(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Any]:
        """The results for n distinct documents: n fragments or objects, in the same order."""
        if not plan.cacheable:
            return await self.render(plan, documents)
        kept = plan.fragments(self.variables, self.cache)
        current = kept.at(self.snapshot.version)
        try:
            return [current[document.id] for document in documents]
        except KeyError:
            pass
        made = {d.id: current[d.id] for d in documents if d.id in current}
        missing = [document for document in documents if document.id not in made]
        arguments = [each(self.variables) for each in plan.arguments]
        rows = await self.values(plan, missing)
        for document, values in zip(missing, rows, strict=True):
            fragment = kept.find(document, values)
            if fragment is None:
                answer = plan.render(document, *values, *arguments)
                fragment = kept.put(document, values, to_json(answer))
            made[document.id] = fragment
            if document.id in kept.entries:  # there was room
                current[document.id] = fragment
        return [made[document.id] for document in documents]

    async def render(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Any]:
        """The results for documents, made anew."""
        arguments = [each(self.variables) for each in plan.arguments]
        rows = await self.values(plan, documents)
        return [
            plan.render(document, *values, *arguments)
            for document, values in zip(documents, rows, strict=True)
        ]

    async def values(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Values]:
        """The rendered value of each link of each document: n documents -> n tuples."""
        if not plan.links:
            return [()] * len(documents)
        if len(documents) == len(plan.links) == 1 and plan.links[0].single:
            return [(await self.value(plan.links[0], documents[0]),)]
        asked = [_Asked(link, documents, self.variables) for link in plan.links]
        answers = await self.ask(asked)
        columns = [await self.column(each, answers[each.plan.link.ask]) for each in asked]
        return list(zip(*columns, strict=True))

    async def value(self, plan: LinkPlan, document: Any) -> Any:
        """The rendered value of the only link of the only document.

        The same as the general case below, without its sorting of many things: most operations
        begin so, and for small ones this is most of the work.
        """
        link, below = plan.link, plan.below
        asked = plan.arguments(self.variables) if plan.arguments is not None else None
        keys = link.keys(document, asked, plan.with_total)
        found = link.pick(
            list(await link.ask(self.snapshot, keys, self.visibility) if keys else ())
        )
        if isinstance(below, ConnectionPlan):
            return await self.connection(plan, below, asked, found)
        if link.is_list:
            [[value]] = await self.entities(plan, below, [[found]])
            return value
        if found is None:
            return None if plan.is_nullable else surprise("null")
        [value] = await self.objects(below[type(found).__name__], (found,))
        return value

    async def connection(
        self, plan: LinkPlan, below: ConnectionPlan, asked: Any, page: Page[Any]
    ) -> Any:
        """One rendered connection."""
        lists = [await self.page(each, page) for each in below.items]
        return below.render(page, plan.cursor_of(asked), *lists)

    async def ask(self, asked: Sequence[_Asked]) -> dict[Ask, dict[Any, Any]]:
        """The store's answers by kind of question and key; one call for each kind."""
        questions: dict[Ask, dict[Any, None]] = {}
        for each in asked:
            questions.setdefault(each.plan.link.ask, {}).update(
                (key, None) for row in each.keys for keys in row for key in keys
            )
        answers: dict[Ask, dict[Any, Any]] = {}
        for question, keys in questions.items():
            wanted = list(keys)
            found = await question(self.snapshot, wanted, self.visibility) if wanted else ()
            answers[question] = dict(zip(wanted, found, strict=True))
        return answers

    async def column(self, asked: _Asked, answers: dict[Any, Any]) -> list[Any]:
        """The rendered values of one link: n documents -> n values, or lists of them in a loop."""
        plan = asked.plan
        pick = plan.link.pick
        picked = [[pick([answers[key] for key in keys]) for keys in row] for row in asked.keys]
        if isinstance(plan.below, ConnectionPlan):
            rows = await self.connections(plan.below, asked, picked)
        else:
            rows = await self.entities(plan, plan.below, picked)
        return [row[0] for row in rows] if asked.single else rows

    async def entities(
        self, plan: LinkPlan, below: dict[str, ObjectPlan], picked: list[list[Any]]
    ) -> list[list[Any]]:
        """Rendered entities in the places where they were found."""
        is_list = plan.link.is_list
        flat = [
            entity for row in picked for value in row for entity in (value if is_list else (value,))
        ]
        rendered = await self.distinct(below, flat)
        if not plan.is_nullable and None in flat:
            raise SurpriseError("null")
        if is_list:
            return [[[rendered[e and e.id] for e in value] for value in row] for row in picked]
        return [[rendered[value and value.id] for value in row] for row in picked]

    async def distinct(self, below: dict[str, ObjectPlan], entities: list[Any]) -> dict[Any, Any]:
        """Rendered entities by id, each rendered once; None for none."""
        distinct = {entity.id: entity for entity in entities if entity is not None}
        rendered: dict[Any, Any] = {None: None}
        for type_name, plan in below.items():
            same = [e for e in distinct.values() if type(e).__name__ == type_name]
            if same:
                rendered.update(
                    zip((e.id for e in same), await self.objects(plan, same), strict=True)
                )
        return rendered

    async def connections(
        self, below: ConnectionPlan, asked: _Asked, picked: list[list[Any]]
    ) -> list[list[Any]]:
        """Rendered connections in the places of their pages."""
        cursor_of = asked.plan.cursor_of(asked.asked)
        pages = [page for row in picked for page in row]
        items = [item for page in pages for item in page.items]
        lists = []
        for plan in below.items:
            rendered = await self.distinct({plan.type_name: plan}, items)
            lists.append([[rendered[item.id] for item in page.items] for page in pages])
        results = iter(
            [
                below.render(page, cursor_of, *(each[n] for each in lists))
                for n, page in enumerate(pages)
            ]
        )
        return [[next(results) for _ in row] for row in picked]


class _Asked:
    """What one link asks for the documents of a level.

    `keys`: for each document, for each source in it, the keys it asks for.
    """

    __slots__ = ("asked", "keys", "plan", "single")

    def __init__(self, plan: LinkPlan, documents: Sequence[Any], variables: Variables) -> None:
        self.plan = plan
        self.asked = plan.arguments(variables) if plan.arguments is not None else None
        keys_of, sources = plan.link.keys, plan.sources
        self.single = plan.single
        self.keys = [
            [keys_of(source, self.asked, plan.with_total) for source in sources(document)]
            for document in documents
        ]
