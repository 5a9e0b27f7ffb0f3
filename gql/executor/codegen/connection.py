"""The generated function for one selection on a connection, and the plans of its items.

The function writes JSON itself: between the lists there are a few numbers, flags and cursors, and
the names of fields, none of which needs escaping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphql import GraphQLObjectType, get_named_type

from gql.executor.planning.field_collection import Selected, UnsupportedError
from gql.executor.planning.plan import ObjectPlan

from .object import Work
from .writer import Writer, check_int


def cursor_json(cursor: str | None) -> bytes:
    """The JSON of a cursor, which is ASCII and has nothing to escape."""
    return b"null" if cursor is None else b'"%b"' % cursor.encode()


class ConnectionBody:
    """The body of the function for a page, and the plans of the items that it needs.

    The text is written as a format with its values; where a list of items stands, a new one begins.
    """

    def __init__(self, work: Work, type: GraphQLObjectType) -> None:
        self.work = work
        self.type = type
        self.writer = Writer()
        self.writer.names.update(check_int=check_int, cursor_json=cursor_json)
        self.items: list[ObjectPlan] = []
        self._pieces: list[str] = []
        self._format = ""
        self._values: list[str] = []

    def connection(self, fields: Sequence[Selected]) -> str:
        """Write the reading of a page; the expression that makes the JSON around its lists."""
        self.object(self.type.name, fields, self.of_connection)
        self.end_piece()
        return f"[{', '.join(self._pieces)}]"

    def object(
        self, type_name: str, fields: Sequence[Selected], value: Callable[[Selected], None]
    ) -> None:
        """Write an object with these fields."""
        self._format += "{"
        for number, field in enumerate(fields):
            self._format += f'{"," if number else ""}"{field.key}":'
            if field.definition is None:
                self._format += f'"{type_name}"'
            else:
                value(field)
        self._format += "}"

    def put(self, placeholder: str, expression: str) -> None:
        """Write a value: how it is formatted, and the expression that gives it."""
        self._format += placeholder
        self._values.append(expression)

    def end_piece(self) -> None:
        """Make all that was written since the last list a piece."""
        values = f" % ({', '.join(self._values)},)" if self._values else ""
        self._pieces.append(f"b{self._format!r}{values}")
        self._format, self._values = "", []

    def of_connection(self, field: Selected) -> None:
        """Write a connection's field."""
        match field.name:
            case "nodes":
                self.add_list(self.work.nodes(field, self.object_type(field)))
            case "edges":
                self.add_list(self.work.edges(field, self.object_type(field)))
            case "totalCount":
                self.put("%d", "check_int(p.total)")
            case "pageInfo":
                type = self.object_type(field)
                self.object(type.name, self.work.collector.below(field, type), self.of_page_info)
            case _:
                raise UnsupportedError(f"the field {field.name}")

    def of_page_info(self, field: Selected) -> None:
        """Write a field of PageInfo."""
        match field.name:
            case "hasNextPage":
                self.put("%b", 'b"true" if p.has_next else b"false"')
            case "hasPreviousPage":
                self.put("%b", 'b"true" if p.has_previous else b"false"')
            case "startCursor":
                self.put("%b", "cursor_json(cursor_of(p.items[0]) if p.items else None)")
            case "endCursor":
                self.put("%b", "cursor_json(cursor_of(p.items[-1]) if p.items else None)")
            case _:
                raise UnsupportedError(f"the field {field.name}")

    def object_type(self, field: Selected) -> GraphQLObjectType:
        """The object type of a field, lists and non-null apart."""
        if field.definition is None:
            raise UnsupportedError("__typename has no fields")
        named = get_named_type(field.definition.type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        return named

    def add_list(self, plan: ObjectPlan) -> None:
        """Write a list, and add the plan of its items."""
        self.items.append(plan)
        self._format += "["
        self.end_piece()
        self._format += "]"
