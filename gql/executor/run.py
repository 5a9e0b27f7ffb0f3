"""Step 6: a plan at work on one snapshot: ask the store level by level, render, embed.

At each level every kind of question is one call to the store, for all objects of the level. Kept
results are looked up first; with all of them there, nothing is asked below.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from itertools import chain
from typing import Any, TypeVar
from weakref import ref

import orjson

from store import Page, Snapshot, Visibility

from .alongside import Buffer
from .arguments import SurpriseError, Variables
from .found import FoundDocument, FoundPage
from .fragments import DocumentFragments, Key, Keys, Shown, entry_of, page_key
from .link_asks import LinkAsks
from .links import Ask
from .operation_plan import OperationPlan
from .plan import Columns, ConnectionPlan, LinkPlan, ObjectPlan
from .render import Lists, surprise, texts_of, to_json

T = TypeVar("T")

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


class Run:
    """One execution."""

    __slots__ = ("is_first", "lists", "page_found", "snapshot", "variables", "visibility")

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
        self.is_first = False  # whether a page was made that was not asked for before

    async def answer(self, plan: OperationPlan) -> Sequence[Buffer]:
        """The JSON of the whole answer, in pieces. Raises: SurpriseError."""
        root = plan.root
        if plan.around is None:
            [data] = root.render(ROOT, *await self.columns(root, ROOT))
            return self.lists.fill(to_json({"data": data}))
        value = await self.value(root.links[0], None)
        before, after = plan.around
        if type(value) is bytes:
            return before, value, after
        return [before, *self.lists.fill(to_json(value)), after]

    async def page(self, plan: ObjectPlan, page: Page[Any]) -> Any:
        """The results for the documents of a page: a list, or what stands for one."""
        kept, place = plan.kept, page.place
        kept.at(self.snapshot.version)
        part = None if place is None else page_key(place, plan.variant(self.variables))
        found = None if part is None else kept.page(part)
        if found:
            return self.lists.add(found)
        documents = list(page.items)
        keys = plan.keys(documents, self.variables)
        if kept.lasting and kept.are_mostly_new(keys):
            columns = await self.columns(plan, documents)
            kept.see(keys, plan.variant(self.variables))
            self.is_first = True
            json = to_json(plan.shown(documents, columns, self.variables))
            return self.lists.add([memoryview(json)[1:]])  # its last byte is where a comma may be
        results = await self.objects(plan, documents)
        if place is not None and part is not None and self.is_current(kept):
            kept.keep_page(part, place.whole, keys)
        return results

    async def one(self, plan: ObjectPlan, document: Any) -> bytes:
        """The JSON of one document."""
        key = document.id
        if plan.names:
            key = plan.variant(self.variables), key
        entry = plan.kept.at(self.snapshot.version).get(key)
        if entry is not None:
            return entry.json
        columns = await self.columns(plan, (document,)) if plan.links else ()
        [json] = self.texts(plan, (key,), (document,), columns)
        return json

    async def objects(self, plan: ObjectPlan, documents: Sequence[Any]) -> list[Any]:
        """The results for n distinct documents: n fragments, in the same order."""
        current = plan.kept.at(self.snapshot.version)
        keys = plan.keys(documents, self.variables)
        try:
            return [current[key].fragment for key in keys]
        except KeyError:
            return list(map(orjson.Fragment, await self.made(plan, keys, documents)))

    async def made(
        self, plan: ObjectPlan, keys: Sequence[Key], documents: Sequence[Any]
    ) -> list[bytes]:
        """The JSON of n distinct documents, that of those made that are not kept."""
        current = plan.kept.at(self.snapshot.version)
        texts = {key: current[key].json for key in keys if key in current}
        missing = {k: each for k, each in zip(keys, documents, strict=True) if k not in texts}
        if missing:
            keys_of, of = list(missing), list(missing.values())
            made = self.texts(plan, keys_of, of, await self.columns(plan, of))
            texts.update(zip(keys_of, made, strict=True))
        return [texts[key] for key in keys]

    def texts(
        self, plan: ObjectPlan, keys: Sequence[Key], documents: Sequence[Any], columns: Columns
    ) -> Sequence[bytes]:
        """The JSON of n > 0 documents, whether or not it is still this state that is kept."""
        kept, variables = plan.kept, self.variables
        is_current = self.is_current(kept)
        if is_current and kept.lasting:
            return plan.texts(keys, documents, columns, variables)
        texts = texts_of(plan.shown(documents, columns, variables))
        if not kept.lasting:  # it may have marks of lists in it
            texts = [b"".join(self.lists.fill(text)) for text in texts]
        if is_current:
            plan.keep(keys, documents, [()] * len(keys), texts, variables)
        return texts

    async def columns(self, plan: ObjectPlan, documents: Sequence[Any]) -> Columns:
        """The rendered values of each link of documents."""
        if not plan.links:
            return ()
        if len(documents) == len(plan.links) == 1 and plan.links[0].sources is None:
            value = await self.value(plan.links[0], documents[0])
            return ((orjson.Fragment(value) if type(value) is bytes else value,),)
        version = self.snapshot.version
        asked = [LinkAsks(link, documents, self.variables, version) for link in plan.links]
        if not any(each.missing for each in asked):
            return [each.values for each in asked]
        answers = await self.ask(asked)
        return [await self.column(each, answers) for each in asked]

    async def value(self, plan: LinkPlan, document: Any) -> Any:
        """The value of the only link of the only document: JSON, or what is rendered.

        The same as the general case below, without its sorting of many things: most operations
        begin so, and for small ones this is most of the work.
        """
        link, below = plan.link, plan.below
        asked = self.variables.asked_of(plan, document)
        keys, cursor_of = asked.keys, asked.cursor_of
        answers = await link.ask(self.snapshot, keys, self.visibility) if keys else ()
        found = link.pick(answers)
        if isinstance(below, ConnectionPlan):
            rendered = await self.connection(below, cursor_of, found)
            if document is None:
                self.variables.found = self.page_found
            return rendered
        if link.is_list:
            by_key = dict(zip(keys, answers, strict=True))
            return (await self.entities(plan, {keys: found}, by_key))[keys]
        if found is None:
            return None if plan.is_nullable else surprise("null")
        chosen = plan.only or below[type(found).__name__]
        json = await self.one(chosen, found)
        if document is None:
            key = (chosen.variant(self.variables), found.id) if chosen.names else found.id
            self.variables.found = FoundDocument(self.snapshot.version, ref(chosen.kept), key)
        return json

    async def connection(self, plan: ConnectionPlan, cursor_of: Any, page: Page[Any]) -> Any:
        """One rendered connection."""
        if plan.frames is None or page.place is None or self.lists.texts:
            return await self.rendered(plan, cursor_of, page)
        version = self.snapshot.version
        frame = plan.frames.at(version).get(id(page))
        if frame is not None and frame.document is page:
            parts = [page_key(page.place, each.variant(self.variables)) for each, _ in plan.items]
            kept = plan.kept(version, id(page), parts)
            if kept is not None:
                self.lists.texts = kept[1]
                self.page_found = FoundPage(version, ref(plan), id(page), frame.json, parts)
                return frame.fragment
        rendered = await self.rendered(plan, cursor_of, page)
        # Lists that are joined are marks in it; what is made for the first time is not kept.
        all_kept = len(self.lists.texts) == len(plan.items) and not self.is_first
        if all_kept and self.is_current(plan.frames):
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

    async def ask(self, asked: Sequence[LinkAsks]) -> dict[Ask, dict[Any, Any]]:
        """The store's answers by kind of question and key; one call for each kind."""
        questions: dict[Ask, dict[Any, None]] = {}
        for each in asked:
            if each.missing:
                wanted = dict.fromkeys(chain.from_iterable(each.missing))
                questions.setdefault(each.plan.link.ask, {}).update(wanted)
        answers: dict[Ask, dict[Any, Any]] = {}
        for question, keys in questions.items():
            asks = list(keys)
            found = await question(self.snapshot, asks, self.visibility) if asks else ()
            answers[question] = dict(zip(asks, found, strict=True))
        return answers

    async def column(self, asked: LinkAsks, answers: dict[Ask, dict[Any, Any]]) -> list[Any]:
        """The rendered values of one link, a value for each source."""
        if not asked.missing:
            return asked.values
        plan = asked.plan
        by_key, pick = answers[plan.link.ask], plan.link.pick
        found = {keys: pick([by_key[key] for key in keys]) for keys in asked.missing}
        if isinstance(plan.below, ConnectionPlan):
            new = await self.connections(plan.below, plan.cursor_of(asked.asked), found)
        else:
            new = await self.entities(plan, found, by_key)
        known = asked.known
        return [new[keys] if keys in new else known[keys] for keys in asked.keys]

    async def entities(
        self, plan: LinkPlan, found: dict[Keys, Any], by_key: dict[Any, Any]
    ) -> dict[Keys, Any]:
        """What a link shows of the entities that were found, by each of the keys or by several."""
        is_list = plan.link.is_list
        flat = list(chain.from_iterable(found.values()) if is_list else found.values())
        distinct = {entity.id: entity for entity in flat if entity is not None}
        if not plan.is_nullable and None in flat:
            raise SurpriseError("null")
        assert isinstance(plan.below, dict)  # noqa: S101  # the other kind has pages
        rendered = await self.distinct(plan.below, list(distinct.values()))
        if is_list:
            # The garbage collector soon lets tuples be, and never lists.
            values = {k: tuple([rendered[e and e.id] for e in each]) for k, each in found.items()}
        else:
            values = {keys: rendered[each and each.id] for keys, each in found.items()}
        to = plan.leads
        if to is not None and self.is_current(to.kept):
            keys_of = set(to.keys(distinct.values(), self.variables))
            each_key = chain.from_iterable(found) if is_list else ()
            singles = {key: _shown(by_key[key], rendered) for key in each_key}
            to.kept.keep_links(to.variant(self.variables), values, singles, keys_of)
        return values

    async def distinct(
        self, below: dict[str, ObjectPlan], entities: Sequence[Any]
    ) -> dict[Any, Any]:
        """Rendered entities by id; None for none."""
        rendered: dict[Any, Any] = {None: None}
        for type_name, plan in below.items():
            same = [e for e in entities if type(e).__name__ == type_name]
            if same:
                results = await self.objects(plan, same)
                rendered.update(zip((e.id for e in same), results, strict=True))
        return rendered

    async def connections(
        self, plan: ConnectionPlan, cursor_of: Any, found: dict[Keys, Page[Any]]
    ) -> dict[Keys, Any]:
        """Rendered connections."""
        pages = list(found.values())
        items = list({item.id: item for page in pages for item in page.items}.values())
        lists = []
        for each, _ in plan.items:
            rendered = await self.distinct({each.type_name: each}, items)
            lists.append([[rendered[item.id] for item in page.items] for page in pages])
        return {
            keys: plan.render(page, cursor_of, *(each[n] for each in lists))
            for n, (keys, page) in enumerate(found.items())
        }


def _shown(entity: Any, rendered: dict[Any, Any]) -> Shown | None:
    return None if entity is None else Shown(entity.id, rendered[entity.id])
