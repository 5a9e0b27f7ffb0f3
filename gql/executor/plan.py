"""What an operation is compiled into: plans of objects, of lists, and of the links between them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, islice
from typing import Any

from .alongside import Buffer
from .arguments import Arguments, Asked, Variables
from .cache import FragmentCache
from .fragments import DocumentFragments, Entry, Key, PageKey, entry_of
from .links import Link
from .render import texts_of

Render = Callable[..., Any]

Columns = Sequence[Sequence[Any]]
"""For each link of a plan the rendered values for documents, one behind the other."""

Row = tuple[Any, ...]
"""For each link of a plan what it shows of one document."""


class ObjectPlan:
    """The selection on objects of one type.

    `render(documents, *columns, *arguments)` makes the answer's objects, given for each link below
    its values, one behind the other; it was generated for this selection (`render.py`). A result
    shows nothing but its object and what its links show: results are `kept` by the object, and by
    the values of the variables that show in them. The root has no object, and its plan keeps
    nothing.
    """

    __slots__ = ("arguments", "kept", "links", "names", "render", "type_name")

    def __init__(
        self,
        type_name: str,
        links: Sequence[LinkPlan],
        arguments: Sequence[Arguments[dict[str, Any]]],
        render: Render,
        cache: FragmentCache,
    ) -> None:
        self.type_name = type_name
        self.links = tuple(links)
        self.arguments = tuple(arguments)
        self.render = render
        names = {name for each in self.arguments for name in each.names}
        names.update(name for link in self.links for name in link.names)
        self.names = tuple(sorted(names))
        self.kept = DocumentFragments(cache, lasting=all(link.lasting for link in self.links))

    def variant(self, variables: Variables) -> Hashable:
        """What tells apart the values of the variables that show; None where none do."""
        if not self.names:
            return None
        variant: Hashable = variables.asked.get(id(self), ...)
        if variant is ...:
            variant = variables.asked[id(self)] = variables.key(self.names)
        return variant

    def keys(self, documents: Iterable[Any], variables: Variables) -> list[Key]:
        """Under what the results for documents are kept."""
        variant = self.variant(variables)
        if variant is None:
            return [document.id for document in documents]
        return [(variant, document.id) for document in documents]

    def shown(self, documents: Sequence[Any], columns: Columns, variables: Variables) -> list[Any]:
        """What the answer shows of documents. Raises: SurpriseError."""
        arguments = [each(variables) for each in self.arguments] if self.arguments else ()
        shown: list[Any] = self.render(documents, *columns, *arguments)
        return shown

    def rows(self, documents: Sequence[Any], columns: Columns) -> Sequence[Row]:
        """What each link shows of each document: n documents -> n tuples."""
        if not self.links:
            return [()] * len(documents)
        pairs = zip(self.links, columns, strict=True)
        shown = [link.by_document(documents, column) for link, column in pairs]
        return list(zip(*shown, strict=True))

    def columns(self, rows: Sequence[Row]) -> Columns:
        """The way back: from n tuples to the values of each link, one behind the other."""
        columns = zip(*rows, strict=True)
        return [
            list(column if link.sources is None else chain.from_iterable(column))
            for link, column in zip(self.links, columns, strict=True)
        ]

    def texts(
        self,
        keys: Sequence[Key],
        documents: Sequence[Any],
        columns: Columns,
        variables: Variables,
    ) -> Sequence[bytes]:
        """The JSON of n > 0 distinct documents, for the state that is being read. What is found to
        be true still need not be made; what was asked for before is kept. Raises: SurpriseError.
        """
        if self.kept.are_new(keys):
            made = texts_of(self.shown(documents, columns, variables))
            self.kept.see(keys, self.variant(variables))
            return made
        texts: dict[Key, bytes] = {}
        left = []
        for each in zip(keys, documents, self.rows(documents, columns), strict=True):
            entry = self.kept.find(*each)
            if entry is None:
                left.append(each)
            else:
                texts[each[0]] = entry.json
        if left:
            new, documents, rows = zip(*left, strict=True)
            made = texts_of(self.shown(documents, self.columns(rows), variables))
            self.keep(new, documents, rows, made, variables)
            texts.update(zip(new, made, strict=True))
        return [texts[key] for key in keys]

    def keep(
        self,
        keys: Sequence[Key],
        documents: Sequence[Any],
        rows: Sequence[Row],
        texts: Sequence[bytes],
        variables: Variables,
    ) -> None:
        """Keep those of these results that somebody asked for before."""
        variant = self.variant(variables)
        if not self.kept.are_new(keys):
            known = self.kept.known(keys)
            of_each = zip(keys, documents, rows, texts, strict=True)
            made = ((k, entry_of(d, r, json, variant)) for k, d, r, json in of_each if k in known)
            self.kept.put_all(dict(made))
        self.kept.see(keys, variant)


class ConnectionPlan:
    """The selection on a connection: what it asks of its items, and how it is put together.

    `render(page, cursor_of, *item_values)`: one list of results for each plan of `items`, which
    has with each whether its results are written one behind the other, with nothing between them.
    Where all are, what is around them is kept, too, in `frames` by the page.
    """

    __slots__ = ("__weakref__", "frames", "items", "render", "with_total")

    def __init__(
        self,
        items: Sequence[tuple[ObjectPlan, bool]],
        render: Render,
        cache: FragmentCache,
        *,
        with_total: bool,
    ) -> None:
        self.items = tuple(items)
        self.frames: DocumentFragments | None = None
        if all(joined for _, joined in items):
            self.frames = DocumentFragments(cache, lasting=False)
        self.render = render
        self.with_total = with_total

    def kept(
        self, version: str, page_id: int, parts: Sequence[PageKey]
    ) -> tuple[Entry, list[Sequence[Buffer]]] | None:
        """What is kept of a page: what is around its lists, and each of these."""
        frame = self.frames.at(version).get(page_id) if self.frames is not None else None
        if frame is None:
            return None
        texts: list[Sequence[Buffer]] = []
        for (plan, _), part in zip(self.items, parts, strict=True):
            plan.kept.at(version)
            found = plan.kept.page(part)
            if not found:
                return None
            texts.append(found)
        return frame, texts


class LinkPlan:
    """A field that reaches other documents: whom it asks what, and the plan for what comes back.

    `sources(object)` are the objects inside this document that the field is on, its related
    stories; None: it is on the document itself. `below`: a connection's plan, or plans by the name
    of the type that comes; `only`, where there is just one. `leads`: the same, where documents
    alone say where the link leads, so that it can be remembered; clients make up arguments.
    """

    __slots__ = (
        "arguments",
        "below",
        "is_nullable",
        "lasting",
        "leads",
        "link",
        "names",
        "only",
        "sources",
        "with_total",
    )

    def __init__(
        self,
        link: Link,
        sources: Callable[[Any], Sequence[Any]] | None,
        arguments: Arguments[Any] | TextLookup | None,
        below: dict[str, ObjectPlan] | ConnectionPlan,
        *,
        is_nullable: bool,
    ) -> None:
        self.link = link
        self.sources = sources
        self.arguments = arguments
        self.below = below
        self.only: ObjectPlan | None = None
        if isinstance(below, dict) and len(below) == 1:
            [self.only] = below.values()
        self.leads = self.only if arguments is None else None
        self.is_nullable = is_nullable
        # A list may show something else in each state, without a document that shows it.
        self.lasting: bool = isinstance(below, dict) and all(
            plan.kept.lasting for plan in below.values()
        )
        self.with_total = isinstance(below, ConnectionPlan) and below.with_total
        plans = below.values() if isinstance(below, dict) else [plan for plan, _ in below.items]
        self.names: set[str] = {name for plan in plans for name in plan.names}
        if arguments is not None:
            self.names.update(arguments.names)

    def sources_in(self, documents: Sequence[Any]) -> Sequence[Any]:
        """The objects that the field is on, one document's behind the other's."""
        if self.sources is None:
            return documents
        return list(chain.from_iterable(map(self.sources, documents)))

    def by_document(self, documents: Sequence[Any], column: Sequence[Any]) -> Sequence[Any]:
        """The values of a column for each document: one, or a tuple for the objects inside it."""
        if self.sources is None:
            return column
        values = iter(column)
        return [tuple(islice(values, len(self.sources(each)))) for each in documents]

    def ask(self, document: Any, variables: Variables) -> Asked:
        """What it asks for one document, its own source."""
        asked = self.arguments(variables) if self.arguments is not None else None
        [keys] = self.link.keys((document,), asked, self.with_total)
        return Asked(keys, None if self.link.cursors is None else self.link.cursors(asked))

    def cursor_of(self, asked: Any) -> Callable[[Any], str]:
        """What makes the cursor of an item of the list that was asked for."""
        assert self.link.cursors is not None  # noqa: S101  # a connection's link has them
        return self.link.cursors(asked)


class TextLookup:
    """The argument `by: {slug: $slug}` of a look-up, where the variable is a text by its type.

    These are what clients ask most; the text that was sent is the key itself, with nothing to
    coerce and nothing to remember. Anything else than a text goes the way of all arguments.
    """

    __slots__ = ("_key", "_otherwise", "_spelled", "name", "names")

    def __init__(self, name: str, link: Link, member: str, otherwise: Arguments[Any]) -> None:
        assert link.names is not None  # noqa: S101  # only look-ups have this argument
        self.name = name
        self.names = (name,)
        self._key, self._spelled = link.names[member]
        self._otherwise = otherwise

    def __call__(self, variables: Variables) -> Any:
        """The key to look up. Raises: SurpriseError."""
        value = variables.sent.get(self.name)
        if type(value) is str:
            return self._key, self._spelled(value)
        return self._otherwise(variables)
