"""Relay connections: a list in parts, each with cursors from which the next part goes on.

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
    int | None, strawberry.argument(description="How many items, from the start or after `after`.")
]
After = Annotated[
    str | None, strawberry.argument(description="Only items after this cursor of the same list.")
]
Last = Annotated[
    int | None, strawberry.argument(description="How many items, from the end or before `before`.")
]
Before = Annotated[
    str | None, strawberry.argument(description="Only items before this cursor of the same list.")
]


@strawberry.type(description="Where a part of a list lies in the whole.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow this part.")
    has_previous_page: bool = strawberry.field(description="Whether items precede this part.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item; null in an empty part."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item; null in an empty part."
    )


@strawberry.type(description="An item of a list, and the cursor that names its place.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(
        description="Opaque; pass it as `after` or `before` of the same list in the same order."
    )


@strawberry.type(description="A part of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items, each with its cursor.")
    nodes: list[T] = strawberry.field(description="The items alone.")
    page_info: PageInfo = strawberry.field(description="Where this part lies in the whole list.")
    total_count: int = strawberry.field(
        description="The size of the whole list, whatever part of it was asked for."
    )


class EdgeValue(Generic[T]):
    """What `Edge` resolves from."""

    __slots__ = ("cursor", "node")

    def __init__(self, node: T, cursor: str) -> None:
        self.node = node
        self.cursor = cursor


class ConnectionValue(Generic[T]):
    """What `Connection` resolves from: a page of the store, and how its cursors are made."""

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
    """The part of a list that a client asks for, within the allowed sizes.

    Neither size given means the default one: at the end where only `before` is given, so that
    paging backwards needs no size, else at the start. Raises: WindowError.
    """
    first, after, last, before = given(first), given(after), given(last), given(before)
    if first is not None and last is not None:
        raise WindowError("Give either first or last, not both.")
    for name, size in (("first", first), ("last", last)):
        if size is not None:
            check_size(name, size, sizes.maximum)
    if first is None and last is None:
        if before is not None and after is None:
            last = sizes.default
        else:
            first = sizes.default
    return Window(first=first, after=after, last=last, before=before)


def given(argument: T | None) -> T | None:
    """An argument, or None where the client left it out."""
    return None if argument is UNSET else argument


def check_size(name: str, size: int, maximum: int) -> None:
    """Raise WindowError unless 0 <= size <= maximum."""
    if size < 0:
        raise WindowError(f"{name} is {size}; it cannot be negative.")
    if size > maximum:
        raise WindowError(f"{name} is {size}; at most {maximum} can be asked for at once.")


def selects(info: Info, field_name: str) -> bool:
    """Whether the present field's selection has this field, fragments included.

    Looked up once for each place of the document, however many objects there are.
    """
    remembered = info.context.selected
    key = field_name, *map(id, resolve_info(info).field_nodes)
    if key not in remembered:
        remembered[key] = _selects(info, field_name)
    return remembered[key]


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
