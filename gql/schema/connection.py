"""Relay connections: pages of a list, with cursors.

https://relay.dev/graphql/connections.htm
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode
from strawberry import UNSET

from gql.adapters.strawberry import resolve_info
from store import Page, Window, WindowError

from .context import Info, PageSizes

T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(description="The number of items, from the start or after `after`."),
]
After = Annotated[
    str | None, strawberry.argument(description="Only items after this cursor of the same list.")
]
Last = Annotated[
    int | None,
    strawberry.argument(description="The number of items, from the end or before `before`."),
]
Before = Annotated[
    str | None, strawberry.argument(description="Only items before this cursor of the same list.")
]


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether items precede this page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item; null in an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item; null in an empty page."
    )


@strawberry.type(description="An item of a list and its cursor.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(
        description="Opaque. Pass it as `after` or `before` to the same list in the same order."
    )


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    nodes: list[T] = strawberry.field(description="The items without their cursors.")
    page_info: PageInfo = strawberry.field(description="The position of this page in the list.")
    total_count: int = strawberry.field(description="The number of items in the whole list.")


class EdgeValue(Generic[T]):
    """The value that `Edge` resolves from."""

    __slots__ = ("cursor", "node")

    def __init__(self, node: T, cursor: str) -> None:
        self.node = node
        self.cursor = cursor


class ConnectionValue(Generic[T]):
    """The value that `Connection` resolves from: a page of the store, and its cursors."""

    __slots__ = ("_cursor_of", "_page", "nodes")

    def __init__(self, page: Page[T], cursor_of: Callable[[T], str]) -> None:
        self._page = page
        self._cursor_of = cursor_of
        self.nodes: Sequence[T] = page.items

    @property
    def edges(self) -> list[EdgeValue[T]]:
        """Each item with its cursor."""
        return [EdgeValue(node, self._cursor_of(node)) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """Both flags as the store found them, and the cursors of the ends."""
        return PageInfo(
            has_next_page=self._page.has_next,
            has_previous_page=self._page.has_previous,
            start_cursor=self._cursor_of(self.nodes[0]) if self.nodes else None,
            end_cursor=self._cursor_of(self.nodes[-1]) if self.nodes else None,
        )

    @property
    def total_count(self) -> int | None:
        """The size of the whole list; None where the query did not select it."""
        return self._page.total


def window(
    sizes: PageSizes,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> Window:
    """The page arguments as a window of the store, within the allowed sizes.

    Without `first` and `last` the size is the default: from the end if only `before` is given, else
    from the start. Raises: WindowError.
    """
    first, after, last, before = (
        value_or_none(first),
        value_or_none(after),
        value_or_none(last),
        value_or_none(before),
    )
    if first is not None and last is not None:
        raise WindowError("Give either first or last, not both.")
    for name, size in (("first", first), ("last", last)):
        if size is not None:
            check_page_size(name, size, sizes.maximum)
    if first is None and last is None:
        if before is not None and after is None:
            last = sizes.default
        else:
            first = sizes.default
    return Window(first=first, after=after, last=last, before=before)


def value_or_none(argument: T | None) -> T | None:
    """An argument; None if the client left it out."""
    return None if argument is UNSET else argument


def check_page_size(name: str, size: int, maximum: int) -> None:
    """Raise WindowError unless 0 <= size <= maximum."""
    if size < 0:
        raise WindowError(f"{name} is {size}; it cannot be negative.")
    if size > maximum:
        raise WindowError(f"{name} is {size}; the maximum is {maximum}.")


def selects(info: Info, field_name: str) -> bool:
    """Whether the selection of the present field has this field, also in fragments.

    The result is remembered for each selection of the document.
    """
    memo = info.context.selected
    key = field_name, *map(id, resolve_info(info).field_nodes)
    if key not in memo:
        memo[key] = _selects(info, field_name)
    return memo[key]


def _selects(info: Info, field_name: str) -> bool:
    raw = resolve_info(info)
    pending = [node.selection_set for node in raw.field_nodes]
    while pending:
        selection_set = pending.pop()
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                if node.name.value == field_name:
                    return True
            elif isinstance(node, FragmentSpreadNode):
                pending.append(raw.fragments[node.name.value].selection_set)
            elif isinstance(node, InlineFragmentNode):
                pending.append(node.selection_set)
    return False
