"""Step 4: code generation of one Python function for each selection on an object.

It reads the fields off the document, checks each as graphql-core would (type, range, not null) and
puts the answer's object together; links come in as values that are rendered already. Whatever fails
a check raises FallbackError, and graphql-core explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
)

from gql.executor.planning.arguments import FallbackError
from gql.executor.planning.field_collection import UnsupportedError
from gql.schema.scalars import serialize_date_time

MAX_INT = 2_147_483_647
MIN_INT = -2_147_483_648


def fallback(what: str) -> NoReturn:
    """Leave it to graphql-core."""
    raise FallbackError(what)


def check_string(value: Any) -> str:
    """A value for String, ID and URL."""
    return value if type(value) is str else fallback("not a text")


def check_int(value: Any) -> int:
    """A value for Int."""
    if type(value) is int and MIN_INT <= value <= MAX_INT:
        return value
    return fallback("not an Int")


def check_boolean(value: Any) -> bool:
    """A value for Boolean."""
    return value if type(value) is bool else fallback("not a Boolean")


def serialize_datetime(value: Any) -> str | datetime:
    """A value for DateTime; the encoder writes those in UTC as the reference does."""
    if type(value) is not datetime:
        fallback("not a time")
    return value if value.tzinfo is UTC else serialize_date_time(value)


def check_json(value: Any) -> Any:
    """A value for JSON, which the encoder checks."""
    return value if value is not None else fallback("null")


def check_list(value: Any) -> Any:
    """A value for a list of leaves; a text or a dict has members, too, and is none."""
    return value if type(value) is tuple or type(value) is list else fallback("not a list")


def check_non_null(value: Any) -> Any:
    """A value of a non-null field."""
    return value if value is not None else fallback("null")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "ID": check_string,
    "String": check_string,
    "URL": check_string,
    "Int": check_int,
    "Boolean": check_boolean,
    "DateTime": serialize_datetime,
    "JSON": check_json,
}
# What the generated code writes out, so that the common case costs no call.
_INLINE = {
    "check_string": "{v} if type({v}) is str else check_string({v})",
    "check_boolean": "{v} if type({v}) is bool else check_boolean({v})",
    # Python compares ints of up to 30 bits at a fraction of what larger ones take.
    "check_int": "{v} if type({v}) is int and {v} >= 0 and {v} <= 1073741823 else check_int({v})",
    "serialize_datetime": "{v} if type({v}) is datetime and {v}.tzinfo is UTC "
    "else serialize_datetime({v})",
}


class Writer:
    """The text of a function in the making, and the values that it refers to by name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            check.__name__: check for check in (*_CHECKS.values(), check_non_null, check_list)
        }
        self.names.update(datetime=datetime, UTC=UTC)
        self._count = 0

    def name(self, prefix: str, value: Any = None) -> str:
        """A new name; for a value from outside, or for a variable."""
        self._count += 1
        name = f"{prefix}{self._count}"
        if value is not None:
            self.names[name] = value
        return name

    def line(self, depth: int, code: str) -> None:
        """Add a line, indented below the function's head."""
        self.lines.append("    " * (depth + 1) + code)

    def function(self, parameters: list[str]) -> Callable[..., Any]:
        """The function whose body was written."""
        source = "\n".join([f"def render({', '.join(parameters)}):", *self.lines])
        exec(compile(source, "<plan>", "exec"), self.names)  # noqa: S102  # our own text: response keys and names are validated and quoted
        return self.names.pop("render")  # type: ignore[no-any-return]  # in its own globals it would be a cycle


def leaf(writer: Writer, depth: int, source: str, type: GraphQLOutputType) -> str:
    """Write the reading of a leaf; the expression of its checked value."""
    if isinstance(type, GraphQLNonNull):
        return _checked(writer, depth, source, type.of_type)
    value = writer.name("v")
    writer.line(depth, f"{value} = {source}")
    checked = _checked(writer, depth, value, type)
    return f"(None if {value} is None else {checked})"


def _checked(writer: Writer, depth: int, source: str, type: GraphQLOutputType) -> str:
    if isinstance(type, GraphQLList):
        item = writer.name("i")
        if not isinstance(type.of_type, GraphQLNonNull):
            raise UnsupportedError("a list with nulls")
        return f"[{_expression(item, type.of_type.of_type)} for {item} in check_list({source})]"
    value = source
    if not source.isidentifier():
        value = writer.name("v")
        writer.line(depth, f"{value} = {source}")
    return _expression(value, type)


def _expression(value: str, type: GraphQLOutputType) -> str:
    """The expression that checks a variable's value, not null, against a leaf's type."""
    check = _CHECKS.get(getattr(type, "name", ""))
    if check is None:
        raise UnsupportedError(f"the type {type}")
    inline = _INLINE.get(check.__name__, "{c}({v})")
    return "(" + inline.format(v=value, c=check.__name__) + ")"


def to_json(value: Any) -> bytes:
    """The JSON of an answer. Raises: FallbackError: the reference writes it in another way."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:  # this is TypeError, as which a fault would pass
        raise FallbackError(str(error)) from error


def texts_of(values: Sequence[Any]) -> list[bytes]:
    """The JSON of each of n > 0 values, which show no marks where there are several."""
    if len(values) == 1:
        return [to_json(values[0])]
    parts = [_NUL] * (2 * len(values) + 1)  # to write all at once costs a fraction
    parts[1::2] = values
    return [text[1:-1] for text in to_json(parts).split(b"\0")[1:-1]]


_NUL: Any = orjson.Fragment(b"\0")  # which no JSON has


def is_leaf(type: GraphQLOutputType) -> bool:
    """Whether a type, lists apart, has no fields."""
    return is_leaf_type(get_named_type(type))
