"""Code generation for connections: the function that writes the JSON around their lists.

The function formats JSON itself. Around the lists there are only a few numbers, flags and cursors,
and the names of fields. None of these needs escaping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphql import GraphQLObjectType, get_named_type

from gql.executor.errors import UnsupportedError
from gql.executor.planning.field_collection import CollectedField
from gql.executor.planning.plan import ObjectPlan

from .leaves import check_int
from .object import CompilationContext
from .writer import FunctionWriter


def cursor_json(cursor: str | None) -> bytes:
    """The JSON of a cursor, which is ASCII and needs no escaping."""
    return b"null" if cursor is None else b'"%b"' % cursor.encode()


class ConnectionCodegen:
    """Writes the function for a page of a connection, and collects the plans of its items.

    The JSON is written as bytes formats with their values. A list of items begins a new format.
    """

    def __init__(self, context: CompilationContext, type: GraphQLObjectType) -> None:
        self.context = context
        self.type = type
        self.writer = FunctionWriter({"check_int": check_int, "cursor_json": cursor_json})
        self.items: list[ObjectPlan] = []
        self._pieces: list[str] = []
        self._format = ""
        self._values: list[str] = []

    def write_connection(self, fields: Sequence[CollectedField]) -> str:
        """Write the connection; return the expression of the JSON around its lists."""
        self.write_object(self.type.name, fields, self.write_connection_field)
        self.end_piece()
        return f"[{', '.join(self._pieces)}]"

    def write_object(
        self,
        type_name: str,
        fields: Sequence[CollectedField],
        write_field: Callable[[CollectedField], None],
    ) -> None:
        """Write an object with these fields."""
        self._format += "{"
        for number, field in enumerate(fields):
            self._format += f'{"," if number else ""}"{field.key}":'
            if field.definition is None:
                self._format += f'"{type_name}"'
            else:
                write_field(field)
        self._format += "}"

    def write_value(self, placeholder: str, expression: str) -> None:
        """Write a value: its placeholder in the format, and its expression."""
        self._format += placeholder
        self._values.append(expression)

    def write_cursor(self, item: str) -> None:
        """Write the cursor of an item; null on an empty page."""
        self.write_value("%b", f"cursor_json(encode_cursor({item}) if p.items else None)")

    def end_piece(self) -> None:
        """End the piece before a list, and begin the next one."""
        values = f" % ({', '.join(self._values)},)" if self._values else ""
        self._pieces.append(f"b{self._format!r}{values}")
        self._format, self._values = "", []

    def write_connection_field(self, field: CollectedField) -> None:
        """Write a field of the connection."""
        match field.name:
            case "nodes":
                self.add_list(self.context.nodes_plan(field, self.object_type(field)))
            case "edges":
                self.add_list(self.context.edges_plan(field, self.object_type(field)))
            case "totalCount":
                self.write_value("%d", "check_int(p.total)")
            case "pageInfo":
                type = self.object_type(field)
                fields = self.context.collector.subfields(field, type)
                self.write_object(type.name, fields, self.write_page_info_field)
            case _:
                raise UnsupportedError(f"the field {field.name}")

    def write_page_info_field(self, field: CollectedField) -> None:
        """Write a field of PageInfo."""
        match field.name:
            case "hasNextPage":
                self.write_value("%b", 'b"true" if p.has_next else b"false"')
            case "hasPreviousPage":
                self.write_value("%b", 'b"true" if p.has_previous else b"false"')
            case "startCursor":
                self.write_value(
                    "%b", "cursor_json(encode_cursor(p.items[0]) if p.items else None)"
                )
            case "endCursor":
                self.write_value(
                    "%b", "cursor_json(encode_cursor(p.items[-1]) if p.items else None)"
                )
            case _:
                raise UnsupportedError(f"the field {field.name}")

    def object_type(self, field: CollectedField) -> GraphQLObjectType:
        """The named type of a field, which is an object type."""
        if field.definition is None:
            raise UnsupportedError("__typename has no fields")
        named = get_named_type(field.definition.type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        return named

    def add_list(self, plan: ObjectPlan) -> None:
        """Write a list of items, and add their plan."""
        self.items.append(plan)
        self._format += "["
        self.end_piece()
        self._format += "]"
