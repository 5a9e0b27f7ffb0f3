"""The generated function for one selection on a connection, and the plans of its items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphql import GraphQLObjectType, get_named_type

from .collect import Selected, UnsupportedError
from .object_body import Work
from .plan import ObjectPlan
from .render import Writer


class ConnectionBody:
    """The body of the function for a page, and the plans of the items that it needs."""

    def __init__(self, work: Work, type: GraphQLObjectType) -> None:
        self.work = work
        self.type = type
        self.writer = Writer()
        self.items: list[tuple[ObjectPlan, bool]] = []
        self.item_names: list[str] = []

    def connection(self, fields: Sequence[Selected]) -> str:
        """Write the reading of a page; the expression that makes its answer."""
        return self.answer(self.type.name, fields, self.of_connection)

    def answer(
        self, type_name: str, fields: Sequence[Selected], value: Callable[[Selected], str]
    ) -> str:
        """The expression of an object with these fields."""
        entries = (
            f"{field.key!r}: {repr(type_name) if field.definition is None else value(field)}"
            for field in fields
        )
        return "{" + ", ".join(entries) + "}"

    def of_connection(self, field: Selected) -> str:
        """The expression of a connection's field."""
        match field.name:
            case "nodes":
                return self.add_items(field, joined=True)
            case "totalCount":
                return "whole(p.total)"
            case "pageInfo":
                type = self.object_type(field)
                return self.answer(
                    type.name, self.work.collector.below(field, type), self.of_page_info
                )
            case "edges":
                return self.edges(field)
        raise UnsupportedError(f"the field {field.name}")

    def edges(self, field: Selected) -> str:
        """Write the loop over the edges; the name of their list."""
        type = self.object_type(field)
        selected = self.work.collector.below(field, type)
        result, item = self.writer.name("r"), self.writer.name("e")
        names: list[str] = []

        def of_edge(each: Selected) -> str:
            if each.name == "cursor":
                return f"cursor_of({item})"
            names.append(self.add_items(each, joined=False))
            return f"n{names[-1]}"

        answer = self.answer(type.name, selected, of_edge)
        loop = ", ".join([item, *(f"n{name}" for name in names)])
        lists = ", ".join(["p.items", *names])
        self.writer.line(0, f"{result} = []")
        self.writer.line(0, f"for {loop}, in zip({lists}):")
        self.writer.line(1, f"{result}.append({answer})")
        return result

    def of_page_info(self, field: Selected) -> str:
        """The expression of a field of PageInfo."""
        match field.name:
            case "hasNextPage":
                return "p.has_next"
            case "hasPreviousPage":
                return "p.has_previous"
            case "startCursor":
                return "(cursor_of(p.items[0]) if p.items else None)"
            case "endCursor":
                return "(cursor_of(p.items[-1]) if p.items else None)"
        raise UnsupportedError(f"the field {field.name}")

    def object_type(self, field: Selected) -> GraphQLObjectType:
        """The object type of a field, lists and non-null apart."""
        if field.definition is None:
            raise UnsupportedError("__typename has no fields")
        named = get_named_type(field.definition.type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        return named

    def add_items(self, field: Selected, *, joined: bool) -> str:
        """Add a plan for the items; the name of the list of their results."""
        type = self.object_type(field)
        name = f"n{len(self.items)}"
        self.item_names.append(name)
        plan = self.work.object(type, self.work.collector.below(field, type))
        self.items.append((plan, joined))
        return name
