"""Step 2: from variables to batch loads, by graphql-core's own coercion, with its outcome cached.

Coercing variables and arguments costs more than looking up a document. The outcome depends on
nothing but the variables' values as they were sent, so it is found once for each of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from types import EllipsisType
from typing import Any, Generic, TypeVar

import msgspec
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLSchema,
    GraphQLString,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_nullable_type,
    print_ast,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from store import QueryError

from ..http import BoundedCache
from .collect import Selected, UnsupportedError, variables_of
from .keys import key_bytes

T = TypeVar("T")

KEY_BYTES = 2_000
"""Values whose key is longer are not cached: they seldom come again."""

OUTCOME_BYTES, OUTCOME_FACTOR = 700, 4
"""What an outcome takes: and so many times its key."""

_ABSENT = object()
_encode = msgspec.json.Encoder().encode
_slots = count()


class FallbackError(Exception):
    """Something at run time that the compiled executor leaves to graphql-core, errors above all."""


class ArgumentCache(BoundedCache[tuple[int, Any], Any]):
    """What fields' arguments mean, by the values of the variables in them; for all plans."""

    def keep(self, slot: int, values: Any, outcome: Any) -> None:
        """Cache an outcome, unless its key is long."""
        size_bytes = key_bytes(values)
        if size_bytes <= KEY_BYTES:
            key = slot, values
            self.put(key, outcome, OUTCOME_BYTES + OUTCOME_FACTOR * size_bytes)


def new_slot() -> int:
    """A number for a part of a plan, by which requests remember outcomes without holding it."""
    return next(_slots)


class Variables:
    """The variables of one request.

    Attributes:
        sent: the values as they were sent.
        coerced: as the operation declares them, while the request is executed.
        memo: outcomes by slot, for a request that is cached and comes again.
        are_checked: whether they are known to fit the operation.
        failed_version: the version of the store for which the plan has no answer.
    """

    __slots__ = ("are_checked", "coerced", "failed_version", "memo", "sent")

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.coerced: VariableValues | None = None
        self.memo: dict[int, Any] = {}
        self.are_checked = False
        self.failed_version: str | None = None

    def are_texts(self, names: Iterable[str]) -> bool:
        """Whether texts were sent for all of these."""
        sent = self.sent
        return all(type(sent.get(name)) is str for name in names)

    def key(self, names: tuple[str, ...]) -> Any:
        """A hashable key that tells the values of these variables apart; cheap for one text."""
        if not names:
            return None
        if len(names) == 1:
            value = self.sent.get(names[0], _ABSENT)
            return value if type(value) is str else _hashable(value)
        return tuple(_hashable(self.sent.get(name, _ABSENT)) for name in names)


def _hashable(value: Any) -> Any:
    # 1, 1.0 and true are equal to Python and different to GraphQL; lists and objects go by their
    # JSON, in which equal texts mean equal values.
    if isinstance(value, dict | list):
        return bytes, _encode(value)
    return type(value), value


class VariableCoercer:
    """Coerces the variables of one operation."""

    __slots__ = ("_operation", "_schema")

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation

    def __call__(self, variables: Variables) -> VariableValues:
        """The values as the operation declares them. Raises: FallbackError: they do not fit."""
        if variables.coerced is None:
            definitions = self._operation.variable_definitions or ()
            coerced = get_variable_values(self._schema, definitions, variables.sent)
            if not isinstance(coerced, VariableValues):
                raise FallbackError("variables")
            variables.coerced = coerced
        return variables.coerced


Convert = Callable[[GraphQLField, dict[str, Any]], dict[str, Any]]
"""Makes coerced arguments into those that Strawberry would hand to a resolver."""


class ArgumentReader:
    """How the arguments of one operation are read.

    Attributes:
        coerce: the operation's variables.
        convert: see `Convert`.
        texts: the variables for which a text is coerced to itself.
        cache: for the outcomes.
    """

    __slots__ = ("cache", "coerce", "convert", "texts")

    def __init__(
        self, coerce: VariableCoercer, convert: Convert, texts: frozenset[str], cache: ArgumentCache
    ) -> None:
        self.coerce = coerce
        self.convert = convert
        self.texts = texts
        self.cache = cache


class Arguments(Generic[T]):
    """The arguments of one field, made into what its batch load needs.

    `prepare` gets them under their Python names, converted as a resolver would get them. A text
    that was sent for a variable of type String or ID is what a resolver would get: only the other
    arguments are coerced and converted, which clients seldom vary.
    """

    __slots__ = (
        "_definition",
        "_given_slot",
        "_node",
        "_others",
        "_prepare",
        "_reader",
        "_texts",
        "names",
        "slot",
    )

    def __init__(
        self, selected: Selected, reader: ArgumentReader, prepare: Callable[..., T]
    ) -> None:
        if selected.definition is None:
            raise UnsupportedError("__typename has no arguments")
        self.names = variables_of(*(selected.node.arguments or ()))
        self.slot = new_slot()
        self._given_slot = new_slot()
        self._definition = selected.definition
        self._node = selected.node
        self._reader = reader
        self._prepare = prepare
        self._texts: dict[str, str] = {}
        self._others = self._sort()

    def _sort(self) -> tuple[str, ...]:
        """Find the arguments, by Python name, that are a variable's text as it was sent; the
        variables in others, sorted.
        """
        others: set[str] = set()
        for argument in self._node.arguments or ():
            name, value = argument.name.value, argument.value
            type = get_nullable_type(self._definition.args[name].type)
            is_text = type is GraphQLString or type is GraphQLID
            if (
                is_text
                and isinstance(value, VariableNode)
                and value.name.value in self._reader.texts
            ):
                [python_name] = self._reader.convert(self._definition, {name: ""})
                self._texts[python_name] = value.name.value
            else:
                others.update(variables_of(argument))
        return tuple(sorted(others))

    def __call__(self, variables: Variables) -> T:
        """What this request asks. Raises: FallbackError: it cannot be asked."""
        outcome: T | EllipsisType = variables.memo.get(self.slot, ...)
        if outcome is ...:
            outcome = variables.memo[self.slot] = self._outcome(variables)
        return outcome

    def _outcome(self, variables: Variables) -> T:
        if self._texts:  # which are seldom the same, and the rest of the work is cached
            return self._prepared(self._values(variables))
        key = variables.key(self.names)
        outcome: T | None = self._reader.cache.get((self.slot, key))
        if outcome is None:
            outcome = self._prepared(self._coerced(variables))
            self._reader.cache.keep(self.slot, key, outcome)
        return outcome

    def _prepared(self, values: dict[str, Any]) -> T:
        try:
            return self._prepare(**values)
        except (GraphQLError, QueryError) as error:
            raise FallbackError(str(error)) from error

    def _values(self, variables: Variables) -> dict[str, Any]:
        """The arguments as a resolver would get them. Raises: FallbackError."""
        texts = {}
        for python_name, name in self._texts.items():
            text = variables.sent.get(name)
            if type(text) is not str:
                return self._coerced(variables)
            texts[python_name] = text
        key = variables.key(self._others)
        given: dict[str, Any] | None = self._reader.cache.get((self._given_slot, key))
        if given is None:
            given = self._coerced(variables)
            self._reader.cache.keep(self._given_slot, key, given)
        return given | texts

    def _coerced(self, variables: Variables) -> dict[str, Any]:
        coerced = self._reader.coerce(variables)
        try:
            values = get_argument_values(self._definition, self._node, coerced)
            return self._reader.convert(self._definition, values)
        except GraphQLError as error:
            raise FallbackError(str(error)) from error


def text_variables(operation: OperationDefinitionNode) -> frozenset[str]:
    """The variables for which a text is coerced to itself, by their declared types."""
    return frozenset(
        each.variable.name.value
        for each in operation.variable_definitions or ()
        if print_ast(each.type).removesuffix("!") in ("ID", "String")
    )


def text_variable(selected: Selected, operation: OperationDefinitionNode) -> tuple[str, str] | None:
    """(`id`, `x`) for the argument `by: {id: $x}` with $x: ID! or String!; else None.

    These look-ups are what clients send most; a text that was sent for such a variable is the key
    itself, with nothing to coerce or cache.
    """
    arguments = selected.node.arguments or ()
    if len(arguments) != 1 or not isinstance(by := arguments[0].value, ObjectValueNode):
        return None
    if len(by.fields) != 1 or not isinstance(variable := by.fields[0].value, VariableNode):
        return None
    for definition in operation.variable_definitions or ():
        if definition.variable.name.value == variable.name.value and print_ast(definition.type) in (
            "ID!",
            "String!",
        ):
            return by.fields[0].name.value, variable.name.value
    return None
