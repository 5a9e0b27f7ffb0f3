"""Step 4: code generation, one Python function for each selection on an object.

A function reads the fields of a document, checks each as graphql-core does (type, range, non-null)
and builds the response object. Values of links are parameters, rendered before. A failed check
raises FallbackError, and graphql-core explains the error.
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

from gql.executor.errors import FallbackError, UnsupportedError
from gql.schema.scalars import serialize_date_time

MAX_INT = 2_147_483_647
MIN_INT = -2_147_483_648


def fall_back(reason: str) -> NoReturn:
    """Raise FallbackError, as an expression."""
    raise FallbackError(reason)


def check_string(value: Any) -> str:
    """Check a value of String, ID or URL."""
    return value if type(value) is str else fall_back("not a text")


def check_int(value: Any) -> int:
    """Check a value of Int."""
    if type(value) is int and MIN_INT <= value <= MAX_INT:
        return value
    return fall_back("not an Int")


def check_boolean(value: Any) -> bool:
    """Check a value of Boolean."""
    return value if type(value) is bool else fall_back("not a Boolean")


def serialize_datetime(value: Any) -> str | datetime:
    """Check and serialize a value of DateTime. The JSON encoder writes times in UTC itself."""
    if type(value) is not datetime:
        fall_back("not a time")
    return value if value.tzinfo is UTC else serialize_date_time(value)


def check_json(value: Any) -> Any:
    """Check a value of JSON, whose content the JSON encoder checks."""
    return value if value is not None else fall_back("null")


def check_list(value: Any) -> Any:
    """Check that a value is a list of leaves: texts and dicts are iterable, but no lists."""
    return value if type(value) is tuple or type(value) is list else fall_back("not a list")


def check_non_null(value: Any) -> Any:
    """Check a value of a non-null type."""
    return value if value is not None else fall_back("null")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "ID": check_string,
    "String": check_string,
    "URL": check_string,
    "Int": check_int,
    "Boolean": check_boolean,
    "DateTime": serialize_datetime,
    "JSON": check_json,
}
# Inlined into the generated code, so that valid values cost no call.
_INLINE = {
    "check_string": "{v} if type({v}) is str else check_string({v})",
    "check_boolean": "{v} if type({v}) is bool else check_boolean({v})",
    # Python compares ints of up to 30 bits much faster than larger ones.
    "check_int": "{v} if type({v}) is int and {v} >= 0 and {v} <= 1073741823 else check_int({v})",
    "serialize_datetime": "{v} if type({v}) is datetime and {v}.tzinfo is UTC "
    "else serialize_datetime({v})",
}


class FunctionWriter:
    """Writes a function: its lines, and the global values that it refers to.

    Attributes:
        lines: The lines of the function's body.
        globals: The values that it refers to, by name.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.globals: dict[str, Any] = {
            check.__name__: check for check in (*_CHECKS.values(), check_non_null, check_list)
        }
        self.globals.update(datetime=datetime, UTC=UTC)
        self._count = 0

    def new_name(self, prefix: str, value: Any = None) -> str:
        """A new name for a local variable, or for a global value."""
        self._count += 1
        name = f"{prefix}{self._count}"
        if value is not None:
            self.globals[name] = value
        return name

    def line(self, depth: int, code: str) -> None:
        """Add a line to the body; a depth of 0 is the function's own."""
        self.lines.append("    " * (depth + 1) + code)

    def compile(self, parameters: list[str]) -> Callable[..., Any]:
        """Compile the function."""
        source = "\n".join([f"def render({', '.join(parameters)}):", *self.lines])
        exec(compile(source, "<plan>", "exec"), self.globals)  # noqa: S102  # our own text: response keys and names are validated and quoted
        return self.globals.pop("render")  # type: ignore[no-any-return]  # in its globals it would be a reference cycle


def write_leaf(writer: FunctionWriter, depth: int, source: str, type: GraphQLOutputType) -> str:
    """Write the check of a leaf; return the expression of its value."""
    if isinstance(type, GraphQLNonNull):
        return _write_check(writer, depth, source, type.of_type)
    value = writer.new_name("v")
    writer.line(depth, f"{value} = {source}")
    checked = _write_check(writer, depth, value, type)
    return f"(None if {value} is None else {checked})"


def _write_check(writer: FunctionWriter, depth: int, source: str, type: GraphQLOutputType) -> str:
    if isinstance(type, GraphQLList):
        item = writer.new_name("i")
        if not isinstance(type.of_type, GraphQLNonNull):
            raise UnsupportedError("a list with nulls")
        return (
            f"[{_check_expression(item, type.of_type.of_type)} for {item} in check_list({source})]"
        )
    value = source
    if not source.isidentifier():
        value = writer.new_name("v")
        writer.line(depth, f"{value} = {source}")
    return _check_expression(value, type)


def _check_expression(value: str, type: GraphQLOutputType) -> str:
    """The expression that checks a variable, which is not null, against a leaf type."""
    check = _CHECKS.get(getattr(type, "name", ""))
    if check is None:
        raise UnsupportedError(f"the type {type}")
    inline = _INLINE.get(check.__name__, "{c}({v})")
    return "(" + inline.format(v=value, c=check.__name__) + ")"


def to_json(value: Any) -> bytes:
    """The JSON of a value. Raises: FallbackError: the reference executor encodes it otherwise."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:  # a TypeError would count as a fault
        raise FallbackError(str(error)) from error


def to_json_each(values: Sequence[Any]) -> list[bytes]:
    """The JSON of each of n > 0 values: n values -> n texts."""
    if len(values) == 1:
        return [to_json(values[0])]
    parts = [_NUL] * (2 * len(values) + 1)  # one call for all values is much faster
    parts[1::2] = values
    return [text[1:-1] for text in to_json(parts).split(b"\0")[1:-1]]


_NUL: Any = orjson.Fragment(b"\0")  # a separator that JSON never contains


def is_leaf(type: GraphQLOutputType) -> bool:
    """Whether the named type of a type is a leaf."""
    return is_leaf_type(get_named_type(type))
