"""Lists of articles: scope, filter, order, window and the shape of a page, dealt by lot."""

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
    Anchors,
    Condition,
    conditions,
)
from tests.benchmarks.http.operations.deck import Deck
from tests.benchmarks.http.operations.filters import FilterTemplate, Shape
from tests.benchmarks.http.operations.operation import EnumName, Values
from tests.benchmarks.http.operations.parts import Part

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
class ListWish:
    """A request for a list with some parts fixed; the others are dealt.

    Attributes:
        scope: `root`, `topic` or `provider`.
        filter: The shape of its filter; None for no filter.
        substring: The operator of its conditions, where they are on substrings.
        suffix: Tells its variables from those of other lists.
        alias: The alias of the list's field.
        selection: The selection on an article; dealt where it is None.
        shape: How a page is selected, such as `edges+cursor`; dealt where it is None.
        sizes: Page sizes to choose from; dealt where there are none.
        pages: Whether it goes on from cursors.
    """

    scope: str = "root"
    filter: Shape | None = None
    substring: str = ""
    suffix: str = ""
    alias: str = ""
    selection: Part | None = None
    shape: str | None = None
    sizes: Sequence[int] = ()
    pages: bool = True


class ListMaker:
    """Deals lists of articles over a corpus."""

    def __init__(self, rng: Random, articles: Sequence[Article], cursors: CursorCodec) -> None:
        self.rng = rng
        self.anchors = Anchors(articles)
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

    def make(self, wish: ListWish) -> Part:
        """A list as a field of the root."""
        order = self._orders.deal()
        size = self.rng.choice(wish.sizes) if wish.sizes else self._sizes.deal()
        shape = wish.shape or self._shapes.deal()
        filter = self.filter(wish) if wish.filter is not None else None
        selection = wish.selection or self.selection(size)
        backwards = self._backwards.deal()
        window = self._window(wish, size, backwards=backwards)
        ordering = self._ordering(wish, order)
        arguments = ", ".join(
            [
                *([f"filter: {filter.text()}"] if filter else []),
                *([f"orderBy: {ordering.text}"] if order else []),
                window.text,
            ]
        )
        around = self._around.deal()
        field = f"{wish.alias}: articles" if wish.alias else "articles"
        page = f"{field}({arguments}) {{ {_page(shape, selection.text)} {around} }}"
        variable, type, wrapped = _SCOPES[wish.scope]
        scoped = {f"{variable}{wish.suffix}": type} if variable else {}
        types = {
            **scoped,
            **(filter.types() if filter else {}),
            **ordering.types,
            **window.types,
            **selection.types,
        }
        traits = [_trait(wish.scope, shape, size, order, backwards=backwards)]
        traits += [filter.traits] if filter else []
        traits += [selection.traits, _around_traits(shape, around)]
        words = (
            shape,
            wish.scope if wish.scope != "root" else "",
            filter.title if filter else "",
            selection.title,
            f"by {order_title(order)}" if order else "",
            f"{'last' if backwards else 'first'} {size}",
        )
        title = " ".join(word for word in words if word)
        return Part(
            wrapped % (wish.suffix, page) if wrapped else page,
            types,
            self._draw(wish, filter, order or NEWEST_FIRST, (window, ordering, selection)),
            window.cursors,
            title,
            frozenset().union(*traits),
        )

    def filter(self, wish: ListWish) -> FilterTemplate:
        """A filter of the wished shape, its conditions dealt, each of another field."""
        assert wish.filter is not None
        chosen: list[Condition] = []
        for _ in range(filters.size(wish.filter)):
            used = frozenset(condition.field for condition in chosen)
            deck = self._conditions[wish.substring]
            chosen.append(deck.deal_if(partial(_is_new, used)))
        whole = self._whole_filter.deal()
        return FilterTemplate(wish.filter, chosen, self.anchors, wish.suffix, whole)

    def selection(self, size: int) -> Part:
        """The selection on each article: the longer the page, the smaller."""
        if size >= LARGE:
            return Part(selections.headline(self.rng))
        text = self._selected.deal()(self.rng)
        if self._with_content.deal():
            return Part(f"{text} content", title="content", traits=frozenset({"content"}))
        return Part(text)

    def _window(self, wish: ListWish, size: int, *, backwards: bool) -> Part:
        """The window's arguments; the cursor is drawn with the anchor."""
        count, cursor = ("last", "before") if backwards else ("first", "after")
        types = {}
        shown = str(size)
        if self._as_variable.deal():
            shown = f"${count}{wish.suffix}"
            types[f"{count}{wish.suffix}"] = "Int!"
        values: Values = dict.fromkeys(types, size)
        text = f"{count}: {shown}"
        cursors: frozenset[str] = frozenset()
        if wish.pages:
            cursors = frozenset({f"{cursor}{wish.suffix}"})
            types[f"{cursor}{wish.suffix}"] = "String"
            text += f", {cursor}: ${cursor}{wish.suffix}"
        return Part(text, types, lambda _: values, cursors)

    def _ordering(self, wish: ListWish, order: tuple[OrderStep, ...] | None) -> Part:
        """The argument orderBy, as a literal or as a variable."""
        steps = [_step(step) for step in order or ()]
        name = f"orderBy{wish.suffix}"
        if order and self._as_variable.deal():
            return Part(f"${name}", {name: "[ArticleOrder!]"}, lambda _: {name: steps})
        written = (", ".join(f"{k}: {v}" for k, v in step.items()) for step in steps)
        return Part("[" + ", ".join(f"{{{each}}}" for each in written) + "]")

    def _draw(
        self,
        wish: ListWish,
        filter: FilterTemplate | None,
        order: tuple[OrderStep, ...],
        parts: Sequence[Part],
    ) -> Callable[[Random], Values]:
        """Draws an anchor, and from it the scope, the operands and the cursor."""
        articles = self.anchors.articles
        suitable = articles if filter is None else filter.suitable(articles) or articles
        turns_pages = filter is None or not filter.is_selective
        cursors = [name for part in parts for name in part.cursors]

        def draw(rng: Random) -> Values:
            anchor = rng.choice(suitable)
            values: Values = {}
            if wish.scope == "topic":
                values[f"slug{wish.suffix}"] = topic_slug(rng.choice(anchor.topics))
            elif wish.scope == "provider":
                values[f"domain{wish.suffix}"] = domain_key(anchor.provider.domain)
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


def _is_new(used: frozenset[str], condition: Condition) -> bool:
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
