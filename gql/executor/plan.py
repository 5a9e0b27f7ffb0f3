"""What an operation is compiled into: plans of lists, and of the links between objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from .alongside import Buffer
from .arguments import Arguments, Asked, Variables, remember
from .cache import FragmentCache
from .fragments import DocumentFragments, Entry, PageKey
from .links import Link
from .object_plan import ObjectPlan, Render

MAX_BAILS = 10
"""A plan that has handed on more than these, and more than half of its requests, is given up."""


class ConnectionPlan:
    """The selection on a connection: what it asks of its items, and how it is put together.

    `render(page, cursor_of, *item_values)`: one list of results for each plan of `items`, which
    has with each whether its results are written one behind the other, with nothing between them.
    Where all are, what is around them is kept, too, in `frames` by the page.
    """

    __slots__ = ("frames", "items", "render", "with_total")

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
    of the type that comes; `only`, where there is just one.
    """

    __slots__ = (
        "arguments",
        "below",
        "is_nullable",
        "lasting",
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
        keys = self.link.keys(document, asked, self.with_total)
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


def _around(root: ObjectPlan) -> tuple[bytes, bytes]:
    mark = orjson.Fragment(b"\0")  # which no JSON has
    [data] = root.render((None,), [mark])
    before, after = orjson.dumps({"data": data}).split(b"\0")
    return before, after


class OperationPlan:
    """A whole operation. `checked`: the variables whose values are coerced before it runs, but for
    texts that were sent for one of `texts`.

    `around`: where the root has one link, the JSON before and behind its value.
    """

    __slots__ = ("_checked", "around", "bails", "checked", "root", "runs", "texts")

    def __init__(self, root: ObjectPlan, checked: tuple[str, ...], texts: frozenset[str]) -> None:
        self.root = root
        self.around = _around(root) if len(root.links) == 1 else None
        self.checked = checked
        self.texts = texts
        self._checked: dict[Any, None] = {}
        self.runs = 0
        self.bails = 0

    def takes_request(self) -> bool:
        """Whether to run the plan for one more request, or to leave it to the reference.

        Counted in any case, so that a plan which was given up is tried again some day: somebody's
        wrong cursors must not slow it down for everyone and for good.
        """
        self.runs += 1
        return self.bails <= MAX_BAILS or self.bails * 2 <= self.runs

    def check(self, variables: Variables) -> None:
        """See that all variables fit the operation. Raises: SurpriseError: they do not.

        Fields that a request leaves out do not coerce their variables, and the reference does.
        """
        if variables.checked or not self.checked:
            return
        if not (self.texts.issuperset(self.checked) and variables.are_texts(self.checked)):
            key = variables.key(self.checked)
            if key not in self._checked:
                _ = variables.coerced
                remember(self._checked, key, None)
        variables.checked = True
