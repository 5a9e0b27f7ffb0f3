"""What an operation is compiled into: plans of objects, of lists, and of the links between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .arguments import Arguments, Variables
from .cache import DocumentFragments, FragmentCache
from .links import Link

MAX_BAILS = 10
"""A plan that has handed on more than these, and more than half of its requests, is given up."""

Render = Callable[..., Any]


class ObjectPlan:
    """The selection on objects of one type.

    `render(source, *values, **arguments)` makes the answer's object, given the value of each link
    below; it was generated for this selection (`render.py`). A cacheable plan shows nothing but its
    object and what its links show, so that its result can be kept; the root's and those with lists
    of articles below are not.
    """

    __slots__ = ("_caches", "arguments", "cacheable", "links", "names", "render", "type_name")

    def __init__(
        self,
        type_name: str,
        links: Sequence[LinkPlan],
        arguments: Sequence[Arguments[dict[str, Any]]],
        render: Render,
    ) -> None:
        self.type_name = type_name
        self.links = tuple(links)
        self.arguments = tuple(arguments)
        self.render = render
        self.cacheable: bool = all(link.cacheable for link in self.links)
        names = {name for each in self.arguments for name in each.names}
        names.update(name for link in self.links for name in link.inner_names)
        self.names = tuple(sorted(names))
        self._caches: dict[Any, DocumentFragments] = {}

    def fragments(self, variables: Variables, cache: FragmentCache) -> DocumentFragments:
        """The kept results for these variables; a place of their own for each set of values."""
        key = variables.key(self.names)
        try:
            return self._caches[key]
        except KeyError:
            if len(self._caches) >= cache.max_variants:
                self._caches.clear()
            fragments = self._caches[key] = DocumentFragments(cache)
            return fragments


class ConnectionPlan:
    """The selection on a connection: what it asks of its items, and how it is put together.

    `render(page, cursor_of, *item_values)`: one list of results for each plan of `items`.
    """

    __slots__ = ("items", "render", "with_total")

    def __init__(self, items: Sequence[ObjectPlan], render: Render, *, with_total: bool) -> None:
        self.items = tuple(items)
        self.render = render
        self.with_total = with_total


class LinkPlan:
    """A field that reaches other documents: whom it asks what, and the plan for what comes back.

    `sources(object)` are the objects inside this document that the field is on: itself, or its
    related stories; `single`: it is the former. `below`: by the name of the type that comes, or a
    connection's plan.
    """

    __slots__ = (
        "arguments",
        "below",
        "cacheable",
        "inner_names",
        "is_nullable",
        "link",
        "single",
        "sources",
        "with_total",
    )

    def __init__(  # noqa: PLR0913  # a value with many fields
        self,
        link: Link,
        sources: Callable[[Any], Sequence[Any]],
        arguments: Arguments[Any] | TextLookup | None,
        below: dict[str, ObjectPlan] | ConnectionPlan,
        *,
        is_nullable: bool,
        single: bool,
    ) -> None:
        self.link = link
        self.single = single
        self.sources = sources
        self.arguments = arguments
        self.below = below
        self.is_nullable = is_nullable
        # With arguments, what it shows depends on more than the documents it links.
        self.cacheable: bool = (
            arguments is None
            and isinstance(below, dict)
            and all(plan.cacheable for plan in below.values())
        )
        self.with_total = isinstance(below, ConnectionPlan) and below.with_total
        plans = below.values() if isinstance(below, dict) else below.items
        self.inner_names: set[str] = {name for plan in plans for name in plan.names}

    def cursor_of(self, asked: Any) -> Callable[[Any], str]:
        """What makes the cursor of an item of the list that was asked for."""
        assert self.link.cursors is not None  # noqa: S101  # a connection's link has them
        return self.link.cursors(asked)


class TextLookup:
    """The argument `by: {slug: $slug}` of a look-up, where the variable is a text by its type.

    These are what clients ask most; the text that was sent is the key itself, with nothing to
    coerce and nothing to remember. Anything else than a text goes the way of all arguments.
    """

    __slots__ = ("_key", "_otherwise", "_spelled", "name")

    def __init__(self, name: str, link: Link, member: str, otherwise: Arguments[Any]) -> None:
        assert link.names is not None  # noqa: S101  # only look-ups have this argument
        self.name = name
        self._key, self._spelled = link.names[member]
        self._otherwise = otherwise

    def __call__(self, variables: Variables) -> Any:
        """The key to look up. Raises: SurpriseError."""
        value = variables.sent.get(self.name)
        if type(value) is str:
            return self._key, self._spelled(value)
        return self._otherwise(variables)


class OperationPlan:
    """A whole operation. `checked`: the variables whose values are coerced before it runs."""

    __slots__ = ("_checked", "bails", "checked", "root", "runs")

    def __init__(self, root: ObjectPlan, checked: tuple[str, ...]) -> None:
        self.root = root
        self.checked = checked
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

    def check(self, variables: Variables, limit: int = 4_096) -> None:
        """See that all variables fit the operation. Raises: SurpriseError: they do not.

        Fields that a request leaves out do not coerce their variables, and the reference does.
        """
        if variables.checked or not self.checked:
            return
        key = variables.key(self.checked)
        if key not in self._checked:
            _ = variables.coerced
            if len(self._checked) >= limit:
                del self._checked[next(iter(self._checked))]
            self._checked[key] = None
        variables.checked = True
