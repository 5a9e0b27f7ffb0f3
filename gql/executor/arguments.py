"""Step 2: from variables to what fields are asked, by the reference's own coercion, remembered.

Coercing variables and arguments costs more than looking up a document. What it gives depends on
nothing but the variables' values as they were sent, so it is done once for each of those.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from types import EllipsisType
from typing import Any, Generic, Protocol, TypeVar

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

from .alongside import Buffer
from .collect import Selected, UnsupportedError, variables_of
from .keys import key_bytes

T = TypeVar("T")

MEMO_SIZE, MEMO_KEY_BYTES = 256, 500
"""How many outcomes each field remembers, the oldest going first, and for how long values."""

_ABSENT = object()
_encode = msgspec.json.Encoder().encode


class SurpriseError(Exception):
    """Something at run time that the compiled way leaves to the reference, errors above all."""


class Asked(msgspec.Struct, frozen=True):
    """What a link asks of the store, and what makes the cursor of an item that comes back."""

    keys: tuple[Any, ...]
    cursor_of: Callable[[Any], str] | None


class Found(Protocol):
    """What an operation with a single link found in a state of the store; see `found.py`."""

    @property
    def version(self) -> str:
        """The name of the state."""
        ...

    def pieces(self) -> Sequence[Buffer] | None:
        """The JSON of the link's value, in pieces, if it is still kept."""
        ...


class Variables:
    """The variables of one request: as they were sent, and coerced once somebody needs it."""

    __slots__ = (
        "_coerced",
        "_operation",
        "_schema",
        "asked",
        "checked",
        "found",
        "sent",
        "surprised",
    )

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, sent: dict[str, Any]
    ) -> None:
        self._schema = schema
        self._operation = weakref.ref(operation)  # its document keeps it
        self.sent = sent
        self._coerced: VariableValues | None = None
        # What they were found to ask, for a request that is remembered and comes again, by the id
        # of the plan's part: the plan must not live on for it.
        self.asked: dict[int, Any] = {}
        self.checked = False
        self.found: Found | None = None
        # The state of the store for which the compiled way has no answer.
        self.surprised: str | None = None

    def asked_of(self, plan: Any, document: Any) -> Asked:
        """What a link asks for its document. What the root's ask is remembered."""
        if document is not None:  # which may change, and with it what it links
            asked: Asked = plan.ask(document, self)
            return asked
        found: Asked | None = self.asked.get(id(plan))
        if found is None:
            found = self.asked[id(plan)] = plan.ask(None, self)
        return found

    @property
    def coerced(self) -> VariableValues:
        """As the operation declares them. Raises: SurpriseError: they do not fit."""
        if self._coerced is None:
            operation = self._operation()
            if operation is None:
                raise SurpriseError("evicted")
            definitions = operation.variable_definitions or ()
            coerced = get_variable_values(self._schema, definitions, self.sent)
            if not isinstance(coerced, VariableValues):
                raise SurpriseError("variables")
            self._coerced = coerced
        return self._coerced

    def are_texts(self, names: Iterable[str]) -> bool:
        """Whether texts were sent for all of these."""
        sent = self.sent
        return all(type(sent.get(name)) is str for name in names)

    def key(self, names: tuple[str, ...]) -> Any:
        """What tells apart the values of these variables, hashable; cheap for one text."""
        if not names:
            return None
        if len(names) == 1:
            value = self.sent.get(names[0], _ABSENT)
            return value if type(value) is str else _hashable(value)
        return tuple(_hashable(self.sent.get(name, _ABSENT)) for name in names)


def remember(memo: dict[Any, T], key: Any, value: T) -> None:
    """Note an outcome, unless its key is long, and let the oldest go for it."""
    if key_bytes(key) > MEMO_KEY_BYTES:
        return
    if len(memo) >= MEMO_SIZE:
        del memo[next(iter(memo))]
    memo[key] = value


def _hashable(value: Any) -> Any:
    # 1, 1.0 and true are equal to Python and different to GraphQL; lists and objects go by their
    # JSON, in which equal texts mean equal values.
    if isinstance(value, dict | list):
        return bytes, _encode(value)
    return type(value), value


class Arguments(Generic[T]):
    """The arguments of one field, made into what the store is asked.

    `prepare` gets them under their Python names, converted as a resolver would get them. A text
    that was sent for one of the operation's `texts` is what a resolver would get: only what else
    is asked of the field is coerced and converted, which clients seldom vary.
    """

    __slots__ = (
        "_convert",
        "_definition",
        "_given",
        "_memo",
        "_node",
        "_others",
        "_prepare",
        "_texts",
        "names",
    )

    def __init__(
        self,
        selected: Selected,
        texts: frozenset[str],
        convert: Callable[[GraphQLField, dict[str, Any]], dict[str, Any]],
        prepare: Callable[..., T],
    ) -> None:
        if selected.definition is None:
            raise UnsupportedError("__typename has no arguments")
        self.names = variables_of(*(selected.node.arguments or ()))
        self._definition = selected.definition
        self._node = selected.node
        self._convert = convert
        self._prepare = prepare
        self._texts: dict[str, str] = {}
        self._others = self._sort(texts)
        self._memo: dict[Any, T] = {}
        self._given: dict[Any, dict[str, Any]] = {}

    def _sort(self, texts: frozenset[str]) -> tuple[str, ...]:
        """Find the arguments, by Python name, that are a variable's text as it was sent; the
        variables in others, sorted.
        """
        others: set[str] = set()
        for argument in self._node.arguments or ():
            name, value = argument.name.value, argument.value
            type = get_nullable_type(self._definition.args[name].type)
            is_text = type is GraphQLString or type is GraphQLID
            if is_text and isinstance(value, VariableNode) and value.name.value in texts:
                [python_name] = self._convert(self._definition, {name: ""})
                self._texts[python_name] = value.name.value
            else:
                others.update(variables_of(argument))
        return tuple(sorted(others))

    def __call__(self, variables: Variables) -> T:
        """What this request asks. Raises: SurpriseError: it cannot be asked."""
        asked: T | EllipsisType = variables.asked.get(id(self), ...)
        if asked is ...:
            key = variables.key(self.names)
            asked = self._memo[key] if key in self._memo else self._first(key, variables)
            variables.asked[id(self)] = asked
        return asked

    def _first(self, key: Any, variables: Variables) -> T:
        try:
            prepared = self._prepare(**self._values(variables))
        except (GraphQLError, QueryError) as error:
            raise SurpriseError(str(error)) from error
        if not self._texts:  # which are seldom the same, and the rest of the work is remembered
            remember(self._memo, key, prepared)
        return prepared

    def _values(self, variables: Variables) -> dict[str, Any]:
        """The arguments as a resolver would get them. Raises: GraphQLError."""
        texts = {}
        for python_name, name in self._texts.items():
            text = variables.sent.get(name)
            if type(text) is not str:
                return self._coerced(variables)
            texts[python_name] = text
        if not texts:
            return self._coerced(variables)
        key = variables.key(self._others)
        given = self._given.get(key)
        if given is None:
            given = self._coerced(variables)
            remember(self._given, key, given)
        return given | texts

    def _coerced(self, variables: Variables) -> dict[str, Any]:
        values = get_argument_values(self._definition, self._node, variables.coerced)
        return self._convert(self._definition, values)


def text_variables(operation: OperationDefinitionNode) -> frozenset[str]:
    """The variables for which a text is coerced to itself, by their declared types."""
    return frozenset(
        each.variable.name.value
        for each in operation.variable_definitions or ()
        if print_ast(each.type).removesuffix("!") in ("ID", "String")
    )


def text_variable(selected: Selected, operation: OperationDefinitionNode) -> tuple[str, str] | None:
    """(`id`, `x`) for the argument `by: {id: $x}` with $x: ID! or String!; else None.

    These look-ups are what clients ask most; a text that was sent for such a variable is the key
    itself, with nothing to coerce or remember.
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
