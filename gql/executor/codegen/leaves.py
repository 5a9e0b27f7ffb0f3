"""Code generation for leaves: the checks of scalar values, inlined into the generated functions.

Each value is checked as graphql-core does it: type, range, non-null. A failed check raises
FallbackError, and graphql-core explains the error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    get_named_type,
    is_leaf_type,
)

from gql.executor.errors import UnsupportedError, fall_back
from store.timestamps import format_timestamp

from .writer import FunctionWriter

MAX_INT = 2_147_483_647
MIN_INT = -2_147_483_648


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
    return value if value.tzinfo is UTC else format_timestamp(value)


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

LEAF_GLOBALS: dict[str, Any] = {
    check.__name__: check for check in (*_CHECKS.values(), check_non_null, check_list)
} | {"datetime": datetime, "UTC": UTC}
"""The global values that the checks refer to."""


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
            f"[{_check_expression(writer, item, type.of_type.of_type)} for {item} in "
            f"check_list({source})]"
        )
    value = source
    if not source.isidentifier():
        value = writer.new_name("v")
        writer.line(depth, f"{value} = {source}")
    return _check_expression(writer, value, type)


def _check_expression(writer: FunctionWriter, value: str, type: GraphQLOutputType) -> str:
    """The expression that checks a variable, which is not null, against a leaf type."""
    if isinstance(type, GraphQLEnumType):
        return f"{writer.new_name('n', _enum_check(type))}({value})"
    check = _CHECKS.get(getattr(type, "name", ""))
    if check is None:
        raise UnsupportedError(f"the type {type}")
    inline = _INLINE.get(check.__name__, "{c}({v})")
    return "(" + inline.format(v=value, c=check.__name__) + ")"


def _enum_check(type: GraphQLEnumType) -> Callable[[Any], str]:
    """The function that gives the name of a value of an enumeration."""
    coerce = type.coerce_output_value

    def check_enum(value: Any) -> str:
        try:
            return str(coerce(value))
        except GraphQLError:
            return fall_back(f"no value of {type}")

    return check_enum


def is_leaf(type: GraphQLOutputType) -> bool:
    """Whether the named type of a type is a leaf."""
    return is_leaf_type(get_named_type(type))
