"""Step 6: a plan at work on one snapshot: ask the store level by level, render, embed.

At each level every kind of question is one call to the store, for all objects of the level. Kept
results are looked up first; with all of them there, nothing is asked below.
"""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Sequence
from typing import Any, TypeVar

from store import Page, Snapshot, Visibility

from .alongside import Buffer
from .arguments import SurpriseError, Variables
from .cache import DocumentFragments, Entry, Key, entry_of, page_key
from .found import FoundDocument, FoundPage
from .links import Ask
from .plan import ConnectionPlan, LinkPlan, ObjectPlan, OperationPlan
from .render import Lists, surprise, to_json

T = TypeVar("T")

Values = tuple[Any, ...]
ROOT = (None,)


def without_waiting(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits. Raises: SurpriseError: it does."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    return surprise("waits")


def _keys(documents: Sequence[Any], variant: Hashable) -> list[Key]:
    """Under what the results for documents are kept."""
    if variant is None:
        return [document.id for document in documents]
    return [(variant, document.id) for document in documents]


class Run:
    """One execution."""

    __slots__ = ("lists", "page_found", "snapshot", "variables", "visibility")

    def __init__(
        self,
        snapshot: Snapshot,
        visibility: Visibility,
        variables: Variables,
    ) -> None:
        self.snapshot = snapshot
        self.visibility = visibility
        self.variables = variables
        self.lists = Lists()
        self.page_found: FoundPage | None = None

    async def answer(self, plan: OperationPlan) -> Sequence[Buffer]:
        """The JSON of the whole answer, in pieces. Raises: SurpriseError."""
        root = plan.root
        if plan.around is None:
            [values] = await self.values(root, ROOT)
            return self.lists.fill(to_json({"data": root.render(None, *values)}))
        value = await self.value(root.links[0], None)
        before, after = plan.around
        if type(value) is Entry:
            return before, value.json, after
        return [before, *self.lists.fill(to_json(value)), after]

    async def page(self, plan: ObjectPlan, page: Page[Any]) -> Any:
        """The results for the documents of a page: a list, or what stands for one."""
        kept = plan.kept
        if page.place is None:
            return await self.objects(plan, list(page.items))
        kept.at(self.snapshot.version)
        variant = plan.variant(self.variables)
        part = page_key(page.place, variant)
        found = kept.page(part)
        if found:
            return self.lists.add(found)
        documents = list(page.items)
        results = await self.objects(plan, documents)
        if self.is_current(kept):
            kept.keep_page(part, page.place.whole, _keys(documents, variant))
        return results

    async def one(self, plan: ObjectPlan, document: Any) -> Entry:
        """The result for one document."""
        key = document.id
        if plan.names:
            key = plan.variant(self.variables), key
        entry = plan.kept.at(self.snapshot.version).get(key)
        if entry is None:
            [entry] = await self.made(plan, [key], (document,))
        return entry

    async def objects(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Any]:
        """The results for n distinct documents: n fragments, in the same order."""
        current = plan.kept.at(self.snapshot.version)
        keys = _keys(documents, plan.variant(self.variables))
        try:
            return [current[key].fragment for key in keys]
        except KeyError:
            return [entry.fragment for entry in await self.made(plan, keys, documents)]

    async def made(
        self, plan: ObjectPlan, keys: Sequence[Key], documents: Sequence[Any]
    ) -> list[Entry]:
        """The results for n distinct documents, those made that are not kept."""
        kept, variant = plan.kept, plan.variant(self.variables)
        made = {key: entry for key in keys if (entry := kept.current.get(key)) is not None}
        missing = [
            (key, each) for key, each in zip(keys, documents, strict=True) if key not in made
        ]
        arguments = [each(self.variables) for each in plan.arguments]
        rows = await self.values(plan, [document for _, document in missing])
        is_current = self.is_current(kept)
        known = is_current and kept.lasting and bool(kept.entries)
        new: dict[Key, Entry] = {}
        for (key, document), values in zip(missing, rows, strict=True):
            entry = kept.find(key, document, values) if known else None
            if entry is None:
                json = to_json(plan.render(document, *values, *arguments))
                if kept.lasting:
                    entry = entry_of(document, values, json, variant)
                else:
                    entry = entry_of(document, (), b"".join(self.lists.fill(json)), variant)
                new[key] = entry
            made[key] = entry
        if is_current:
            kept.put_all(new)
        return [made[key] for key in keys]

    async def values(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Values]:
        """The rendered value of each link of each document: n documents -> n tuples."""
        if not plan.links:
            return [()] * len(documents)
        if len(documents) == len(plan.links) == 1 and plan.links[0].single:
            value = await self.value(plan.links[0], documents[0])
            return [(value.fragment if type(value) is Entry else value,)]
        asked = [_Asked(link, documents, self.variables) for link in plan.links]
        answers = await self.ask(asked)
        columns = [await self.column(each, answers[each.plan.link.ask]) for each in asked]
        return list(zip(*columns, strict=True))

    async def value(self, plan: LinkPlan, document: Any) -> Any:
        """The value of the only link of the only document: an entry, or what is rendered.

        The same as the general case below, without its sorting of many things: most operations
        begin so, and for small ones this is most of the work.
        """
        link, below = plan.link, plan.below
        keys, cursor_of = self.variables.asked_of(plan, document)
        answers = await link.ask(self.snapshot, keys, self.visibility) if keys else ()
        found = link.pick(answers)
        if isinstance(below, ConnectionPlan):
            rendered = await self.connection(below, cursor_of, found)
            if document is None:
                self.variables.found = self.page_found
            return rendered
        if link.is_list:
            [[value]] = await self.entities(plan, below, [[found]])
            return value
        if found is None:
            return None if plan.is_nullable else surprise("null")
        chosen = plan.only or below[type(found).__name__]
        entry = await self.one(chosen, found)
        if document is None:
            key = (chosen.variant(self.variables), found.id) if chosen.names else found.id
            self.variables.found = FoundDocument(self.snapshot.version, chosen.kept, key)
        return entry

    async def connection(self, plan: ConnectionPlan, cursor_of: Any, page: Page[Any]) -> Any:
        """One rendered connection."""
        if plan.frames is None or page.place is None or self.lists.texts:
            return await self.rendered(plan, cursor_of, page)
        parts = [page_key(page.place, each.variant(self.variables)) for each, _ in plan.items]
        kept = plan.kept(self.snapshot.version, id(page), parts)
        if kept is not None and kept[0].document is page:
            frame, self.lists.texts = kept
            version = self.snapshot.version
            self.page_found = FoundPage(version, plan, id(page), frame.json, parts)
            return frame.fragment
        rendered = await self.rendered(plan, cursor_of, page)
        # Its lists have marks in it only if none had to be made.
        if len(self.lists.texts) == len(plan.items) and self.is_current(plan.frames):
            json = to_json(rendered)
            plan.frames.put(id(page), entry_of(page, (), json, None))
        return rendered

    async def rendered(self, plan: ConnectionPlan, cursor_of: Any, page: Page[Any]) -> Any:
        """One connection, rendered anew."""
        lists = [
            await (self.page(each, page) if joined else self.objects(each, list(page.items)))
            for each, joined in plan.items
        ]
        return plan.render(page, cursor_of, *lists)

    def is_current(self, kept: DocumentFragments) -> bool:
        """Whether others have not run on another state meanwhile."""
        return kept.version == self.snapshot.version

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
        for plan, _ in below.items:
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
