"""What an operation may cost at most, counted before it is executed: list sizes times fields.

Each value that an answer may hold costs 1: a field counts as often as the lists around it have
items, and so does each item of a list of objects. A connection costs 30 and another object 5, since
they have to be found. Connections have the size that `first` or `last`
asks for, else the default page size; lists by ids have their length; of other lists nobody knows
the size beforehand, so one is assumed. A field counts wherever it is written, also where graphql
merges it with the same one beside it.

A list with a filter or an order has to be found before it is shown, as often as its field counts:
what that costs depends on the filter's values and on how many articles there are. A unit is about a
microsecond of that, or a value. Introspection counts by the sizes that the schema has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    value_from_ast_untyped,
)

from .introspection_cost import SCHEMA_FIELD, TYPE_FIELD, Level, introspection_sizes, is_list

ASSUMED_ITEMS = 5
"""The size of lists that tell none beforehand: images, related stories, topics."""
_SIZES = ("first", "last")
_LISTS = ("ids",)
_SEARCHES = ("filter", "orderBy")
_MAX_REMEMBERED = 256
_MAX_NAME = 100
_COST_BYTES, _VALUE_BYTES = 250, 120


CONNECTION, OBJECT = 30, 5
"""What it costs to find a page of a list, and an object that is no item of one: graphql-core takes
about so many times as long for them as for a value.
"""

SearchCost = Callable[[Iterable[tuple[int, Mapping[str, Any]]]], int]
"""What it costs to find some lists, each so many times, given the arguments that say what is in
them and in which order, as they were sent. Values of one variable are one object.
"""


class CostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What operations are held to.

    Attributes:
        maximum: The most that an operation may cost.
        page_size: The size of lists where the client does not say.
        max_page_size: The largest size of lists.
        search: What it costs to find a list.
    """

    maximum: int = 50_000
    page_size: int = 20
    max_page_size: int = 100
    search: SearchCost = lambda _: 0


class BoundOperation(NamedTuple):
    """A valid operation with the variables it was sent with."""

    schema: GraphQLSchema
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]


Search = Mapping[str, ValueNode]
"""The arguments of a list that say which items it has and in which order."""


class SelectionCost(NamedTuple):
    """What a part of an operation costs.

    Attributes:
        values: The values that an answer may hold.
        searches: How often each list has to be found, by its number.
    """

    values: int
    searches: Mapping[int, int] = {}  # never changed

    def plus(self, other: SelectionCost) -> SelectionCost:
        """This and another part."""
        return sum_costs([self, other])

    def times(self, count: int) -> SelectionCost:
        """This part so many times."""
        return SelectionCost(
            self.values * count, {key: n * count for key, n in self.searches.items()}
        )


def sum_costs(parts: Sequence[SelectionCost]) -> SelectionCost:
    """All parts together."""
    searches: dict[int, int] = {}
    for part in parts:
        for number, times in part.searches.items():
            searches[number] = searches.get(number, 0) + times
    return SelectionCost(sum(part.values for part in parts), searches)


ZERO_COST, UNIT_COST = SelectionCost(0), SelectionCost(1)


class CostEstimator:
    """Counts what one operation costs; afterwards `used` has the variables that mattered.

    `cap`: as if no list asked for more than so many items. `searches` are the lists that have to be
    found, by their numbers.
    """

    def __init__(
        self, asked: BoundOperation, settings: CostSettings, cap: int | None = None
    ) -> None:
        self.schema = asked.schema
        self.operation = asked.operation
        self.settings = settings
        self.cap = settings.max_page_size if cap is None else cap
        self.used: dict[str, None] = {}
        self._fragments = {
            node.name.value: node
            for node in asked.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._totals: dict[tuple[str, int], SelectionCost] = {}
        self._introspection = introspection_sizes(asked.schema)
        self._levels: dict[tuple[str, Any], Level] = {}
        self._introspected_totals: dict[tuple[str, int], int] = {}
        self._variables = _variables(asked)
        self.searches: list[Search] = []

    def total(self) -> int:
        """The cost of the operation."""
        cost = self.cost()
        searches = [(times, self.searches[number]) for number, times in cost.searches.items()]
        return cost.values + search_cost(searches, self._variables, self.settings)

    def cost(self) -> SelectionCost:
        """The cost of the operation, with the lists that it has to find."""
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None  # noqa: S101  # validation has found it
        return self._selection(self.operation.selection_set, root, 1)

    def _selection(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, page: int
    ) -> SelectionCost:
        """The cost of what is selected on one object; `page`: the size of lists right in it."""
        costs = []
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                cost = self._field(node, parent, page)
            elif isinstance(node, FragmentSpreadNode):
                cost = self._fragment(self._fragments[node.name.value], page)
            else:
                assert isinstance(node, InlineFragmentNode)  # noqa: S101  # there is no fourth kind
                cost = self._selection(node.selection_set, self._condition(node, parent), page)
            if self._is_included(node.directives or ()):
                costs.append(cost)
        return sum_costs(costs)

    def _fragment(self, node: FragmentDefinitionNode, page: int) -> SelectionCost:
        """The cost of a fragment, counted once for each size: spreads can double many times."""
        key = node.name.value, page
        if key not in self._totals:
            parent = self._type(node.type_condition.name.value)
            self._totals[key] = self._selection(node.selection_set, parent, page)
        return self._totals[key]

    def _field(self, node: FieldNode, parent: GraphQLCompositeType, page: int) -> SelectionCost:
        name = node.name.value
        if name.startswith("__"):
            return self._meta_field(node)
        definition: GraphQLField = parent.fields[name]  # type: ignore[union-attr]  # no union has any
        if node.selection_set is None:
            return UNIT_COST
        asked = self._asked(node, definition)
        inner: Any = get_named_type(definition.type)
        if not is_list(definition):  # its size is for the lists right below
            size = ASSUMED_ITEMS if asked is None else asked
            selected = self._selection(node.selection_set, inner, size)
            if parent is self.schema.subscription_type:
                return UNIT_COST.plus(
                    selected
                )  # its filter judges one article at a time: no search
            return self._found(node, definition).plus(selected)
        items = page if asked is None else asked
        selected = self._selection(node.selection_set, inner, ASSUMED_ITEMS)
        return UNIT_COST.plus(UNIT_COST.plus(selected).times(items))

    def _meta_field(self, node: FieldNode) -> SelectionCost:
        """The cost of introspection; the name of a type costs nothing."""
        name = node.name.value
        if name not in (SCHEMA_FIELD, TYPE_FIELD) or node.selection_set is None:
            return ZERO_COST
        given = [self._value(each.value) for each in node.arguments or ()]
        level = self._introspection.root(name, given[0] if given else None)
        key = name, given[0] if given else None
        level = self._levels.setdefault(key, level)  # its parts are counted once
        return SelectionCost(1 + self._introspected(node.selection_set, level))

    def _introspected(self, selection_set: SelectionSetNode, level: Level) -> int:
        """The values of introspection that are selected on all objects of a level."""
        if not level.size:
            return 0
        total = 0
        for node in selection_set.selections:
            if not self._is_included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                total += level.size + self._introspected_below(node, level)
            elif isinstance(node, FragmentSpreadNode):
                key = node.name.value, id(level)
                if key not in self._introspected_totals:
                    inner = self._fragments[node.name.value].selection_set
                    self._introspected_totals[key] = self._introspected(inner, level)
                total += self._introspected_totals[key]
            else:
                assert isinstance(node, InlineFragmentNode)  # noqa: S101  # there is no fourth kind
                total += self._introspected(node.selection_set, level)
        return total

    def _introspected_below(self, node: FieldNode, level: Level) -> int:
        """The values below a field of introspection, each item of a list for one."""
        name = node.name.value
        if node.selection_set is None:
            return 0
        below = self._introspection.below(level, name)
        items = below.size if is_list(level.type.fields[name]) else 0
        return items + self._introspected(node.selection_set, below)

    def _found(self, node: FieldNode, definition: GraphQLField) -> SelectionCost:
        """The cost of finding what a field shows."""
        if not any(name in definition.args for name in _SIZES):
            return SelectionCost(OBJECT)
        given = {each.name.value: each.value for each in node.arguments or ()}
        search = {name: given[name] for name in _SEARCHES if name in given}
        if not search:
            return SelectionCost(CONNECTION)
        self.searches.append(search)
        return SelectionCost(CONNECTION, {len(self.searches) - 1: 1})

    def _asked(self, node: FieldNode, definition: GraphQLField) -> int | None:
        """How many items the field's arguments ask for; None where it takes no such argument."""
        arguments = {each.name.value: each.value for each in node.arguments or ()}
        sized = [name for name in _SIZES if name in definition.args]
        if sized:
            asked = [self._size(arguments[name]) for name in sized if name in arguments]
            return max((size for size in asked if size is not None), default=self._default())
        for name in _LISTS:
            if name in definition.args and name in arguments:
                return self._capped(self._length(arguments[name]))
        return None

    def _default(self) -> int:
        return self._capped(self.settings.page_size)

    def _size(self, value: ValueNode) -> int | None:
        """The number that an argument gives; None: none, or one that will be refused."""
        number = self._value(value)
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        return self._capped(number) if is_number else None

    def _length(self, value: ValueNode) -> int:
        if isinstance(value, ListValueNode):
            return len(value.values)
        items = self._value(value)
        return len(items) if isinstance(items, list) else 1

    def _capped(self, size: float) -> int:
        # More than the largest page is refused when the field is executed.
        return max(0, int(min(size, self.cap, self.settings.max_page_size)))

    def _value(self, node: ValueNode) -> Any:
        """What a literal or a variable says."""
        if isinstance(node, VariableNode):
            name = node.name.value
            self.used[name] = None
            return self._variables.get(name)
        return value_from_ast_untyped(node)

    def _is_included(self, directives: tuple[DirectiveNode, ...]) -> bool:
        conditions = {
            directive.name.value: self._value(argument.value)
            for directive in directives
            for argument in directive.arguments or ()
            if argument.name.value == "if"
        }
        return conditions.get("include") is not False and conditions.get("skip") is not True

    def _condition(
        self, node: InlineFragmentNode, parent: GraphQLCompositeType
    ) -> GraphQLCompositeType:
        return self._type(node.type_condition.name.value) if node.type_condition else parent

    def _type(self, name: str) -> GraphQLCompositeType:
        found = self.schema.get_type(name)
        assert is_composite_type(found)  # noqa: S101  # validation has seen to it
        return found


def search_cost(
    searches: Iterable[tuple[int, Search]], variables: dict[str, Any], settings: CostSettings
) -> int:
    """What it costs to find lists, each so many times."""
    return settings.search(
        (times, {name: value_from_ast_untyped(node, variables) for name, node in search.items()})
        for times, search in searches
    )


class CostEstimate(NamedTuple):
    """The cost of an operation for some variables: the values, and the lists to be found."""

    values: int
    searches: tuple[tuple[int, Search], ...]


class CostCache:
    """What the operations of a document cost, by the values of the variables that matter.

    Attributes:
        size_bytes: What the costs counted so far take.
    """

    __slots__ = ("_by_operation", "size_bytes")

    def __init__(self) -> None:
        self._by_operation: dict[int, tuple[tuple[str, ...], dict[Any, CostEstimate]]] = {}
        self.size_bytes = 0

    def of(self, asked: BoundOperation, settings: CostSettings) -> int:
        """The cost of an operation of this document."""
        counted = self._known(asked) or self._count(asked, settings)
        if not counted.searches:
            return counted.values
        return counted.values + search_cost(counted.searches, _variables(asked), settings)

    def _known(self, asked: BoundOperation) -> CostEstimate | None:
        names, counted = self._by_operation.get(id(asked.operation), ((), {}))
        return counted.get(_key(names, asked.variables))

    def _count(self, asked: BoundOperation, settings: CostSettings) -> CostEstimate:
        measure = CostEstimator(asked, settings)
        cost, names = measure.cost(), tuple(measure.used)
        searches = tuple((times, measure.searches[n]) for n, times in cost.searches.items())
        counted = CostEstimate(cost.values, searches)
        _, found = self._by_operation.setdefault(id(asked.operation), (names, {}))
        entry_bytes = _COST_BYTES + _VALUE_BYTES * (len(names) + len(searches))
        if len(found) >= _MAX_REMEMBERED:
            self.size_bytes -= entry_bytes * len(found)
            found.clear()
        found[_key(names, asked.variables)] = counted
        self.size_bytes += entry_bytes
        return counted


def _key(names: tuple[str, ...], variables: Mapping[str, Any]) -> Any:
    """What tells apart values as far as sizes, conditions and the names of types go; small,
    whatever was sent.
    """
    return tuple(_value_key(variables.get(name, ...)) for name in names) if names else ()


def _value_key(value: Any) -> tuple[type, Any]:
    is_name = isinstance(value, str) and len(value) <= _MAX_NAME
    is_sized = isinstance(value, list | dict | str) and not is_name
    return type(value), len(value) if is_sized else value


def max_passing_list_size(asked: BoundOperation, settings: CostSettings) -> int:
    """The largest number of items with which each list would fit; 0: not even one each does."""
    if CostEstimator(asked, settings, cap=1).total() > settings.maximum:
        return 0
    low, high = 1, settings.max_page_size
    while low < high:
        middle = (low + high + 1) // 2
        if CostEstimator(asked, settings, cap=middle).total() > settings.maximum:
            high = middle - 1
        else:
            low = middle
    return low


def _variables(asked: BoundOperation) -> dict[str, Any]:
    """The variables' values, those of their defaults where none was sent."""
    return {**_defaults(asked.operation), **asked.variables}


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
