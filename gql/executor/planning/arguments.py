"""Step 2: argument coercion, from a request's variables to what the batch loads need.

Values are coerced by compiled functions (`input_coercion`). graphql-core coerces those that these
functions do not accept. Outcomes are memoized for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from types import EllipsisType
from typing import Any, Generic, TypeVar

import msgspec
import strawberry
from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    VariableValues,
    get_argument_values,
    get_variable_values,
    is_required_argument,
)

from gql.adapters.strawberry import (
    argument_name,
    convert_arguments,
    graphql_schema,
    strawberry_field,
)
from gql.executor.errors import CoercionError, FallbackError, UnsupportedError
from store import QueryError
from store.errors import clear_tracebacks

from .field_collection import CollectedField, argument_variables
from .input_coercion import ABSENT, InputCoercers, ReadValue, VariableCoercer

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_slots = count()


def new_slot() -> int:
    """The number of a memo slot. A request memoizes by slot, so it does not hold the plan."""
    return next(_slots)


class RequestVariables:
    """The variables of one request, and what was memoized for it.

    Attributes:
        sent: The values as they were sent.
        values: The values as resolvers get them. Only set during an execution, and only where the
            compiled coercion accepts them.
        coerced: The values as graphql-core coerces them. Only set during an execution that needs
            them.
        memo: Outcomes by slot, for a request that is cached and repeated.
        cached_values: The values of all root fields as entries of the row cache; None where they
            are not cached.
        cached_state: The structure or the version of the store for which these are valid.
        are_checked: Whether all variables are known to fit the operation.
        failed_version: The version of the store for which the plan fell back.
    """

    __slots__ = (
        "are_checked",
        "cached_state",
        "cached_values",
        "coerced",
        "failed_version",
        "memo",
        "sent",
        "values",
    )

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.values: dict[str, Any] | None = None
        self.coerced: VariableValues | None = None
        self.memo: dict[int, Any] = {}
        self.cached_values: Sequence[Any] | None = None  # `CachedValue`, which imports this module
        self.cached_state = ""
        self.are_checked = False
        self.failed_version: str | None = None

    def release(self) -> None:
        """Release what only an execution needs: it refers to parts of documents."""
        self.values = self.coerced = None

    def key(self, names: tuple[str, ...]) -> Any:
        """A hashable key of the values of these variables. A single text is its own key."""
        if not names:
            return None
        if len(names) == 1:
            value = self.sent.get(names[0], ABSENT)
            return value if type(value) is str else _hashable(value)
        return tuple(_hashable(self.sent.get(name, ABSENT)) for name in names)


def _hashable(value: Any) -> Any:
    # 1, 1.0 and true are equal in Python but not in GraphQL, so the type is part of the key. Lists
    # and objects are represented by their JSON: equal texts mean equal values.
    if isinstance(value, dict | list):
        return bytes, _encode(value)
    return type(value), value


ArgumentReads = list[tuple[str, bool, ReadValue]]
"""The arguments of a field: Python name, whether it is required, and the function that reads it."""


class ArgumentCoercer:
    """Coerces the variables of one operation, and the arguments of its fields.

    Attributes:
        coercers: The compiled coercion of the schema's input types.
    """

    __slots__ = ("_coerce", "_operation", "_schema", "coercers")

    def __init__(
        self,
        schema: strawberry.Schema,
        coercers: InputCoercers,
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self.coercers = coercers
        self._operation = operation
        self._coerce = VariableCoercer(coercers, operation)

    def values(self, variables: RequestVariables) -> dict[str, Any]:
        """The variables as resolvers get them. Raises: CoercionError."""
        if variables.values is None:
            variables.values = self._coerce(variables.sent)
        return variables.values

    def coerced(self, variables: RequestVariables) -> VariableValues:
        """The variables as graphql-core coerces them. Raises: FallbackError: they are invalid."""
        if variables.coerced is None:
            definitions = self._operation.variable_definitions or ()
            coerced = get_variable_values(graphql_schema(self._schema), definitions, variables.sent)
            if not isinstance(coerced, VariableValues):
                for error in coerced:
                    clear_tracebacks(error)
                raise FallbackError("variables")
            variables.coerced = coerced
        return variables.coerced

    def check(self, variables: RequestVariables) -> None:
        """Check that all variables fit the operation. Raises: FallbackError: they do not."""
        try:
            self.values(variables)
        except (CoercionError, RecursionError):
            self.coerced(variables)

    def convert(self, field: CollectedField, variables: RequestVariables) -> dict[str, Any]:
        """Coerce arguments by graphql-core and Strawberry. Raises: FallbackError."""
        assert field.definition is not None  # noqa: S101  # see `FieldArguments`
        try:
            values = get_argument_values(field.definition, field.node, self.coerced(variables))
            return convert_arguments(self._schema, strawberry_field(field.definition), values)
        except GraphQLError as error:
            clear_tracebacks(error)
            raise FallbackError(str(error)) from None

    def compile(self, field: CollectedField) -> ArgumentReads | None:
        """Compile the coercion of a field's arguments; None where graphql-core has to do it."""
        definition: Any = field.definition
        given = {each.name.value: each.value for each in field.node.arguments or ()}
        reads = []
        try:
            for argument in strawberry_field(definition).arguments:
                name = argument_name(self._schema, argument)
                declared = definition.args[name]
                if name in given:
                    read = self.coercers.literal(given[name], declared.type)
                    reads.append((argument.python_name, is_required_argument(declared), read))
                elif declared.default is not None or is_required_argument(declared):
                    return None
        except (CoercionError, RecursionError):
            return None
        return reads


class FieldArguments(Generic[T]):
    """The arguments of one field, prepared for its batch load.

    `prepare` gets them under their Python names, converted as for a resolver.

    Attributes:
        variable_names: The variables in them.
    """

    __slots__ = ("_coercer", "_field", "_prepare", "_reads", "_slot", "variable_names")

    def __init__(
        self, field: CollectedField, coercer: ArgumentCoercer, prepare: Callable[..., T]
    ) -> None:
        if field.definition is None:
            raise UnsupportedError("__typename has no arguments")
        self.variable_names = argument_variables(*(field.node.arguments or ()))
        self._field = field
        self._coercer = coercer
        self._reads = coercer.compile(field)
        self._prepare = prepare
        self._slot = new_slot()

    def __call__(self, variables: RequestVariables) -> T:
        """The prepared arguments of a request. Raises: FallbackError: they are invalid."""
        prepared: T | EllipsisType = variables.memo.get(self._slot, ...)
        if prepared is ...:
            try:
                prepared = self._prepare(**self._coerce(variables))
            except (GraphQLError, QueryError) as error:
                clear_tracebacks(error)
                raise FallbackError(str(error)) from None
            variables.memo[self._slot] = prepared
        return prepared

    def _coerce(self, variables: RequestVariables) -> dict[str, Any]:
        """The arguments as a resolver gets them. Raises: FallbackError."""
        if self._reads is not None:
            try:
                return self._read(self._reads, self._coercer.values(variables))
            except (CoercionError, RecursionError):
                pass
        return self._coercer.convert(self._field, variables)

    @staticmethod
    def _read(reads: ArgumentReads, values: dict[str, Any]) -> dict[str, Any]:
        arguments = {}
        for name, is_required, read in reads:
            value = read(values)
            if value is not ABSENT:
                arguments[name] = value
            elif is_required:
                raise CoercionError
        return arguments
