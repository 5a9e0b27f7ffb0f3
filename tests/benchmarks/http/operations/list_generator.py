"""A generator of lists of articles: scope, filter, order, window and shape are dealt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from store import NEWEST_FIRST, CursorCodec, OrderField, OrderStep, domain_key, topic_slug
from store.model import Article
from tests.benchmarks.http.operations import filters, selections
from tests.benchmarks.http.operations.conditions import (
    SUBSTRING_OPERATORS,
    ConditionTemplate,
    OperandGenerator,
    conditions,
)
from tests.benchmarks.http.operations.deck import Deck
from tests.benchmarks.http.operations.filters import FilterTemplate, Shape
from tests.benchmarks.http.operations.operation import EnumName, Values
from tests.benchmarks.http.operations.parts import SelectionPart

_FIRST_PAGES = 0.25
SHAPES = (
    "nodes nodes edges edges edges+cursor edges+cursor edges+cursor edges+cursor cursors mixed"
).split()
SIZES = (1, 5, 20, 20, 20, 20, 20, 50, 50, 50, 100, 1_000)
_AROUND = (
    "",
    "",
    "totalCount",
    "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }",
    "pageInfo { hasNextPage endCursor }",
    "pageInfo { hasPreviousPage startCursor }",
)
_DATE, _HEAT, _QUALITY, _TITLE = (
    OrderField.PUBLISHED_DATE_TIME,
    OrderField.HEAT,
    OrderField.QUALITY,
    OrderField.TITLE,
)
ORDERS: tuple[tuple[OrderStep, ...] | None, ...] = (
    None,
    None,
    None,
    *((OrderStep(field, descending),) for field in OrderField for descending in (True, False)),
    (OrderStep(_HEAT), OrderStep(_DATE)),
    (OrderStep(_QUALITY), OrderStep(_HEAT, descending=False)),
    (OrderStep(_DATE, descending=False), OrderStep(_TITLE)),
    (OrderStep(_TITLE, descending=False), OrderStep(_HEAT)),
)
_SELECTED: Sequence[Callable[[Random], str]] = (
    selections.headline,
    selections.card,
    selections.card,
    selections.card,
    lambda _: selections.FULL,
)
_SHORT = {_DATE: "date", _HEAT: "heat", _QUALITY: "quality", _TITLE: "title"}
_SCOPES = {
    "root": ("", "", ""),
    "topic": ("slug", "String!", "topic(by: {slug: $slug%s}) { id name %s }"),
    "provider": ("domain", "String!", "provider(by: {domain: $domain%s}) { id name %s }"),
}
LARGE = 1_000


@dataclass(frozen=True, slots=True)
class ListSpec:
    """A specification of a list; missing parts are dealt.

    Attributes:
        scope: `root`, `topic` or `provider`.
        filter: The shape of its filter; None for no filter.
        substring: The operator of substring conditions, if they are such.
        suffix: Distinguishes its variables from those of other lists.
        alias: The alias of the list's field.
        selection: The selection on an article; dealt if None.
        shape: The shape of the page, such as `edges+cursor`; dealt if None.
        sizes: The page sizes to choose from; dealt if empty.
        pages: Whether it continues from cursors.
    """

    scope: str = "root"
    filter: Shape | None = None
    substring: str = ""
    suffix: str = ""
    alias: str = ""
    selection: SelectionPart | None = None
    shape: str | None = None
    sizes: Sequence[int] = ()
    pages: bool = True


class ListGenerator:
    """Generates lists of articles over a corpus."""

    def __init__(self, rng: Random, articles: Sequence[Article], cursors: CursorCodec) -> None:
        self.rng = rng
        self.operands = OperandGenerator(articles)
        self._cursor_of = cursors.article
        self._conditions = {
            operator: Deck(rng, conditions(operator)) for operator in ("", *SUBSTRING_OPERATORS)
        }
        self._shapes = Deck(rng, SHAPES)
        self._sizes = Deck(rng, SIZES)
        self._around = Deck(rng, _AROUND)
        self._orders = Deck(rng, ORDERS)
        self._selected = Deck(rng, _SELECTED)
        self._with_content = Deck(rng, [True] + [False] * 9)
        self._backwards = Deck(rng, (True, False, False))
        self._as_variable = Deck(rng, (True, False, False))
        self._whole_filter = Deck(rng, (True, False))

    def make(self, spec: ListSpec) -> SelectionPart:
        """A list as a root field."""
        order = self._orders.deal()
        size = self.rng.choice(spec.sizes) if spec.sizes else self._sizes.deal()
        shape = spec.shape or self._shapes.deal()
        filter = self.filter(spec) if spec.filter is not None else None
        selection = spec.selection or self.selection(size)
        backwards = self._backwards.deal()
        window = self._window(spec, size, backwards=backwards)
        ordering = self._ordering(spec, order)
        arguments = ", ".join(
            [
                *([f"filter: {filter.text()}"] if filter else []),
                *([f"orderBy: {ordering.text}"] if order else []),
                window.text,
            ]
        )
        around = self._around.deal()
        field = f"{spec.alias}: articles" if spec.alias else "articles"
        page = f"{field}({arguments}) {{ {_page(shape, selection.text)} {around} }}"
        variable, type, wrapped = _SCOPES[spec.scope]
        scoped = {f"{variable}{spec.suffix}": type} if variable else {}
        types = {
            **scoped,
            **(filter.types() if filter else {}),
            **ordering.types,
            **window.types,
            **selection.types,
        }
        traits = [_trait(spec.scope, shape, size, order, backwards=backwards)]
        traits += [filter.traits] if filter else []
        traits += [selection.traits, _around_traits(shape, around)]
        words = (
            shape,
            spec.scope if spec.scope != "root" else "",
            filter.title if filter else "",
            selection.title,
            f"by {order_title(order)}" if order else "",
            f"{'last' if backwards else 'first'} {size}",
        )
        title = " ".join(word for word in words if word)
        return SelectionPart(
            wrapped % (spec.suffix, page) if wrapped else page,
            types,
            self._draw(spec, filter, order or NEWEST_FIRST, (window, ordering, selection)),
            window.cursors,
            title,
            frozenset().union(*traits),
        )

    def filter(self, spec: ListSpec) -> FilterTemplate:
        """A filter of the specified shape with dealt conditions, each of another field."""
        assert spec.filter is not None
        chosen: list[ConditionTemplate] = []
        for _ in range(filters.size(spec.filter)):
            used = frozenset(condition.field for condition in chosen)
            deck = self._conditions[spec.substring]
            chosen.append(deck.deal_if(partial(_is_new, used)))
        whole = self._whole_filter.deal()
        return FilterTemplate(spec.filter, chosen, self.operands, spec.suffix, whole)

    def selection(self, size: int) -> SelectionPart:
        """A selection on each article; smaller for longer pages."""
        if size >= LARGE:
            return SelectionPart(selections.headline(self.rng))
        text = self._selected.deal()(self.rng)
        if self._with_content.deal():
            return SelectionPart(f"{text} content", title="content", traits=frozenset({"content"}))
        return SelectionPart(text)

    def _window(self, spec: ListSpec, size: int, *, backwards: bool) -> SelectionPart:
        """The arguments of pagination; the cursor is drawn with the anchor."""
        count, cursor = ("last", "before") if backwards else ("first", "after")
        types = {}
        shown = str(size)
        if self._as_variable.deal():
            shown = f"${count}{spec.suffix}"
            types[f"{count}{spec.suffix}"] = "Int!"
        values: Values = dict.fromkeys(types, size)
        text = f"{count}: {shown}"
        cursors: frozenset[str] = frozenset()
        if spec.pages:
            cursors = frozenset({f"{cursor}{spec.suffix}"})
            types[f"{cursor}{spec.suffix}"] = "String"
            text += f", {cursor}: ${cursor}{spec.suffix}"
        return SelectionPart(text, types, lambda _: values, cursors)

    def _ordering(self, spec: ListSpec, order: tuple[OrderStep, ...] | None) -> SelectionPart:
        """The argument `orderBy`, as a literal or as a variable."""
        steps = [_step(step) for step in order or ()]
        name = f"orderBy{spec.suffix}"
        if order and self._as_variable.deal():
            return SelectionPart(f"${name}", {name: "[ArticleOrder!]"}, lambda _: {name: steps})
        written = (", ".join(f"{k}: {v}" for k, v in step.items()) for step in steps)
        return SelectionPart("[" + ", ".join(f"{{{each}}}" for each in written) + "]")

    def _draw(
        self,
        spec: ListSpec,
        filter: FilterTemplate | None,
        order: tuple[OrderStep, ...],
        parts: Sequence[SelectionPart],
    ) -> Callable[[Random], Values]:
        """Draws an anchor, and from it the scope, the operands and the cursor."""
        articles = self.operands.articles
        suitable = articles if filter is None else filter.suitable(articles) or articles
        turns_pages = filter is None or not filter.is_selective
        cursors = [name for part in parts for name in part.cursors]

        def draw(rng: Random) -> Values:
            anchor = rng.choice(suitable)
            values: Values = {}
            if spec.scope == "topic":
                values[f"slug{spec.suffix}"] = topic_slug(rng.choice(anchor.topics))
            elif spec.scope == "provider":
                values[f"domain{spec.suffix}"] = domain_key(anchor.provider.domain)
            if filter is not None:
                values |= filter.draw(rng, anchor)
            for part in parts:
                values |= part.draw(rng)
            goes_on = turns_pages and rng.random() >= _FIRST_PAGES
            values |= dict.fromkeys(cursors, self._cursor_of(anchor, order) if goes_on else None)
            return values

        return draw


def _around_traits(shape: str, around: str) -> frozenset[str]:
    text = f"{_page(shape, 'id')} {around}"
    return frozenset(word for word in ("totalCount", "pageInfo") if word in text)


def _is_new(used: frozenset[str], condition: ConditionTemplate) -> bool:
    return condition.field not in used


def order_title(order: Sequence[OrderStep]) -> str:
    """A short form of an order, such as `heat- date+`."""
    return " ".join(f"{_SHORT[step.field]}{'-' if step.descending else '+'}" for step in order)


def _step(step: OrderStep) -> dict[str, Any]:
    direction = "DESC" if step.descending else "ASC"
    return {"field": EnumName(step.field.name), "direction": EnumName(direction)}


def _page(shape: str, selection: str) -> str:
    match shape:
        case "nodes":
            return f"nodes {{ {selection} }}"
        case "edges":
            return f"edges {{ node {{ {selection} }} }}"
        case "edges+cursor":
            return f"edges {{ cursor node {{ {selection} }} }}"
        case "cursors":
            return "edges { cursor }"
        case "none":
            return "totalCount pageInfo { hasNextPage endCursor }"
        case _:
            return f"nodes {{ {selection} }} edges {{ cursor node {{ id }} }}"


def _trait(
    scope: str, shape: str, size: int, order: Sequence[OrderStep] | None, *, backwards: bool
) -> frozenset[str]:
    traits = {scope, shape, f"size {size}", "last" if backwards else "first"}
    traits.add(f"order {order_title(order)}" if order else "default order")
    if order and len(order) > 1:
        traits.add("two-step order")
    return frozenset(traits)
