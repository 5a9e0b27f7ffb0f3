"""Step 2: from variables to what batch loads need, found once for each request.

Values are coerced by compiled functions (`inputs`); what these do not take, by graphql-core.
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
from store import QueryError
from store.errors import clear_tracebacks

from .field_collection import Selected, UnsupportedError, variables_of
from .input_coercion import ABSENT, InputCoercers, OperationVariables, Read, UnusualError

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_slots = count()


class FallbackError(Exception):
    """Something at run time that the compiled executor leaves to graphql-core, errors above all."""


def new_slot() -> int:
    """A number for a part of a plan, by which requests remember outcomes without holding it."""
    return next(_slots)


class Variables:
    """The variables of one request.

    Attributes:
        sent: the values as they were sent.
        values: as resolvers get them, while the request is executed; None before, and where a value
            is unusual.
        coerced: as graphql-core coerces them, while the request is executed and needs that.
        memo: outcomes by slot, for a request that is cached and comes again.
        located: where each field at the root was found, if that can be told of all.
        located_state: the structure or the version of the store for which that holds.
        are_checked: whether they are known to fit the operation.
        failed_version: the version of the store for which the plan has no answer.
    """

    __slots__ = (
        "are_checked",
        "coerced",
        "failed_version",
        "located",
        "located_state",
        "memo",
        "sent",
        "values",
    )

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.values: dict[str, Any] | None = None
        self.coerced: VariableValues | None = None
        self.memo: dict[int, Any] = {}
        self.located: Sequence[Any] | None = None  # `Located`, which builds on this module
        self.located_state = ""
        self.are_checked = False
        self.failed_version: str | None = None

    def release(self) -> None:
        """Forget what is only needed while the request is executed: it holds parts of documents."""
        self.values = self.coerced = None

    def key(self, names: tuple[str, ...]) -> Any:
        """A hashable key that tells the values of these variables apart; cheap for one text."""
        if not names:
            return None
        if len(names) == 1:
            value = self.sent.get(names[0], ABSENT)
            return value if type(value) is str else _hashable(value)
        return tuple(_hashable(self.sent.get(name, ABSENT)) for name in names)


def _hashable(value: Any) -> Any:
    # 1, 1.0 and true are equal to Python and different to GraphQL; lists and objects go by their
    # JSON, in which equal texts mean equal values.
    if isinstance(value, dict | list):
        return bytes, _encode(value)
    return type(value), value


class VariableReader:
    """Reads the variables of one operation, and the arguments that they are in.

    Attributes:
        coercers: the compiled coercion of the schema's input types.
    """

    __slots__ = ("_compiled", "_operation", "_schema", "coercers")

    def __init__(
        self,
        schema: strawberry.Schema,
        coercers: InputCoercers,
        operation: OperationDefinitionNode,
    ) -> None:
        self._schema = schema
        self.coercers = coercers
        self._operation = operation
        self._compiled = OperationVariables(coercers, operation)

    def values(self, variables: Variables) -> dict[str, Any]:
        """The values as resolvers get them. Raises: UnusualError."""
        if variables.values is None:
            variables.values = self._compiled(variables.sent)
        return variables.values

    def coerced(self, variables: Variables) -> VariableValues:
        """The values as graphql-core coerces them. Raises: FallbackError: they do not fit."""
        if variables.coerced is None:
            definitions = self._operation.variable_definitions or ()
            coerced = get_variable_values(graphql_schema(self._schema), definitions, variables.sent)
            if not isinstance(coerced, VariableValues):
                for error in coerced:
                    clear_tracebacks(error)
                raise FallbackError("variables")
            variables.coerced = coerced
        return variables.coerced

    def check(self, variables: Variables) -> None:
        """See that all variables fit the operation. Raises: FallbackError: they do not."""
        try:
            self.values(variables)
        except (UnusualError, RecursionError):
            self.coerced(variables)

    def converted(self, selected: Selected, variables: Variables) -> dict[str, Any]:
        """Arguments by graphql-core and Strawberry. Raises: FallbackError: they do not fit."""
        assert selected.definition is not None  # noqa: S101  # see `Arguments`
        try:
            values = get_argument_values(
                selected.definition, selected.node, self.coerced(variables)
            )
            field = strawberry_field(selected.definition)
            return convert_arguments(self._schema, field, values)
        except GraphQLError as error:
            clear_tracebacks(error)
            raise FallbackError(str(error)) from None

    def compiled(self, selected: Selected) -> list[tuple[str, bool, Read]] | None:
        """How each argument of a field is read: its name in Python, whether it is required, and
        the function; None where that is left to graphql-core.
        """
        definition: Any = selected.definition
        given = {each.name.value: each.value for each in selected.node.arguments or ()}
        field = strawberry_field(definition)
        reads = []
        try:
            for argument in field.arguments:
                name = argument_name(self._schema, argument)
                declared = definition.args[name]
                if name in given:
                    read = self.coercers.literal(given[name], declared.type)
                    reads.append((argument.python_name, is_required_argument(declared), read))
                elif declared.default is not None or is_required_argument(declared):
                    return None
        except (UnusualError, RecursionError):
            return None
        return reads


class Arguments(Generic[T]):
    """The arguments of one field, made into what its batch load needs.

    `prepare` gets them under their Python names, converted as a resolver would get them.

    Attributes:
        names: the variables in them.
    """

    __slots__ = ("_prepare", "_reader", "_reads", "_selected", "_slot", "names")

    def __init__(
        self, selected: Selected, reader: VariableReader, prepare: Callable[..., T]
    ) -> None:
        if selected.definition is None:
            raise UnsupportedError("__typename has no arguments")
        self.names = variables_of(*(selected.node.arguments or ()))
        self._selected = selected
        self._reader = reader
        self._reads = reader.compiled(selected)
        self._prepare = prepare
        self._slot = new_slot()

    def __call__(self, variables: Variables) -> T:
        """What this request asks. Raises: FallbackError: it cannot be asked."""
        outcome: T | EllipsisType = variables.memo.get(self._slot, ...)
        if outcome is ...:
            try:
                outcome = self._prepare(**self._read(variables))
            except (GraphQLError, QueryError) as error:
                clear_tracebacks(error)
                raise FallbackError(str(error)) from None
            variables.memo[self._slot] = outcome
        return outcome

    def _read(self, variables: Variables) -> dict[str, Any]:
        """The arguments as a resolver would get them. Raises: FallbackError."""
        if self._reads is not None:
            try:
                return self._compiled(self._reads, self._reader.values(variables))
            except (UnusualError, RecursionError):
                pass
        return self._reader.converted(self._selected, variables)

    @staticmethod
    def _compiled(reads: list[tuple[str, bool, Read]], values: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name, is_required, read in reads:
            value = read(values)
            if value is not ABSENT:
                found[name] = value
            elif is_required:
                raise UnusualError
        return found
