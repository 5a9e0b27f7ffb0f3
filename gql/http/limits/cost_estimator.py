"""The cost estimator: walks an operation and adds up what its response may contain."""

from __future__ import annotations

from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    InlineFragmentNode,
    ListValueNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    value_from_ast_untyped,
)

from .cost import (
    ASSUMED_ITEMS,
    CONNECTION,
    OBJECT,
    UNIT_COST,
    ZERO_COST,
    BoundOperation,
    CostSettings,
    SearchArguments,
    SelectionCost,
    estimate_searches,
    sum_costs,
)
from .introspection_cost import SCHEMA_FIELD, TYPE_FIELD, Level, introspection_sizes, is_list

_SIZE_ARGUMENTS = ("first", "last")
_LIST_ARGUMENTS = ("ids", "representations")
_SEARCH_ARGUMENTS = ("filter", "orderBy")


class CostEstimator:
    """Estimates the cost of one operation.

    Attributes:
        max_list_size: The size that no list is assumed to exceed.
        used_variables: The variables on which the cost depends, after the estimation.
        searches: The arguments of all searches by their number, after the estimation.
    """

    def __init__(
        self, bound: BoundOperation, settings: CostSettings, max_list_size: int | None = None
    ) -> None:
        self.schema = bound.schema
        self.operation = bound.operation
        self.settings = settings
        self.max_list_size = settings.max_page_size if max_list_size is None else max_list_size
        self.used_variables: dict[str, None] = {}
        self._fragments = {
            node.name.value: node
            for node in bound.document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._fragment_costs: dict[tuple[str, int], SelectionCost] = {}
        self._introspection = introspection_sizes(bound.schema)
        self._levels: dict[tuple[str, Any], Level] = {}
        self._introspection_totals: dict[tuple[str, int], int] = {}
        self._variables = bound.variables_with_defaults()
        self.searches: list[SearchArguments] = []

    def total(self) -> int:
        """The cost of the operation, as a number."""
        cost = self.estimate()
        searches = [(times, self.searches[number]) for number, times in cost.searches.items()]
        return cost.values + estimate_searches(searches, self._variables, self.settings)

    def estimate(self) -> SelectionCost:
        """The cost of the operation, with its searches counted apart."""
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None  # noqa: S101  # the operation is valid
        return self._selection(self.operation.selection_set, root, 1)

    def _selection(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType, page: int
    ) -> SelectionCost:
        """The cost of a selection on one object; `page`: the size of lists directly in it."""
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
        """The cost of a fragment, memoized by size: nested spreads can double many times."""
        key = node.name.value, page
        if key not in self._fragment_costs:
            parent = self._type(node.type_condition.name.value)
            self._fragment_costs[key] = self._selection(node.selection_set, parent, page)
        return self._fragment_costs[key]

    def _field(self, node: FieldNode, parent: GraphQLCompositeType, page: int) -> SelectionCost:
        name = node.name.value
        if name.startswith("__"):
            return self._meta_field(node)
        definition: GraphQLField = parent.fields[name]  # type: ignore[union-attr]  # no union has any
        if node.selection_set is None:
            if any(name in definition.args for name in _SEARCH_ARGUMENTS):
                return self._search_cost(node)
            cost = self.settings.fields.get(f"{parent.name}.{name}")
            return UNIT_COST if cost is None else SelectionCost(cost)
        requested = self._requested_size(node, definition)
        inner: Any = get_named_type(definition.type)
        if not is_list(definition):  # a connection: the size is that of the lists in it
            size = ASSUMED_ITEMS if requested is None else requested
            selected = self._selection(node.selection_set, inner, size)
            if parent is self.schema.subscription_type:
                return UNIT_COST.plus(selected)  # filters one article for each event: no search
            return self._lookup_cost(node, definition).plus(selected)
        if requested is None:
            requested = self.settings.list_sizes.get(f"{parent.name}.{name}", page)
        selected = self._selection(node.selection_set, inner, ASSUMED_ITEMS)
        return UNIT_COST.plus(UNIT_COST.plus(selected).times(requested))

    def _meta_field(self, node: FieldNode) -> SelectionCost:
        """The cost of introspection; the name of a type costs nothing."""
        name = node.name.value
        if name not in (SCHEMA_FIELD, TYPE_FIELD) or node.selection_set is None:
            return ZERO_COST
        given = [self._value(each.value) for each in node.arguments or ()]
        level = self._introspection.root(name, given[0] if given else None)
        key = name, given[0] if given else None
        level = self._levels.setdefault(key, level)  # a level memoizes its parts
        return SelectionCost(1 + self._introspection_values(node.selection_set, level))

    def _introspection_values(self, selection_set: SelectionSetNode, level: Level) -> int:
        """The number of values selected on all objects of a level of introspection."""
        if not level.size:
            return 0
        total = 0
        for node in selection_set.selections:
            if not self._is_included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                total += level.size + self._introspection_subvalues(node, level)
            elif isinstance(node, FragmentSpreadNode):
                key = node.name.value, id(level)
                if key not in self._introspection_totals:
                    inner = self._fragments[node.name.value].selection_set
                    self._introspection_totals[key] = self._introspection_values(inner, level)
                total += self._introspection_totals[key]
            else:
                assert isinstance(node, InlineFragmentNode)  # noqa: S101  # there is no fourth kind
                total += self._introspection_values(node.selection_set, level)
        return total

    def _introspection_subvalues(self, node: FieldNode, level: Level) -> int:
        """The number of values in a field of introspection; each item of a list is one."""
        name = node.name.value
        if node.selection_set is None:
            return 0
        child = self._introspection.child(level, name)
        items = child.size if is_list(level.type.fields[name]) else 0
        return items + self._introspection_values(node.selection_set, child)

    def _lookup_cost(self, node: FieldNode, definition: GraphQLField) -> SelectionCost:
        """The cost of the look-up of an object or a connection."""
        if not any(name in definition.args for name in _SIZE_ARGUMENTS):
            return SelectionCost(OBJECT)
        return self._search_cost(node)

    def _search_cost(self, node: FieldNode) -> SelectionCost:
        """The cost of a connection, or of a value for a filter."""
        given = {each.name.value: each.value for each in node.arguments or ()}
        search = {name: given[name] for name in _SEARCH_ARGUMENTS if name in given}
        if not search:
            return SelectionCost(CONNECTION)
        self.searches.append(search)
        return SelectionCost(CONNECTION, {len(self.searches) - 1: 1})

    def _requested_size(self, node: FieldNode, definition: GraphQLField) -> int | None:
        """The size of a list by the field's arguments; None where none of them gives a size."""
        arguments = {each.name.value: each.value for each in node.arguments or ()}
        sized = [name for name in _SIZE_ARGUMENTS if name in definition.args]
        if sized:
            sizes = [self._size(arguments[name]) for name in sized if name in arguments]
            return max((size for size in sizes if size is not None), default=self._default())
        for name in _LIST_ARGUMENTS:
            if name in definition.args and name in arguments:
                return self._capped(self._length(arguments[name]))
        return None

    def _default(self) -> int:
        return self._capped(self.settings.page_size)

    def _size(self, value: ValueNode) -> int | None:
        """The size in an argument; None: null, or a value that will be refused."""
        number = self._value(value)
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        return self._capped(number) if is_number else None

    def _length(self, value: ValueNode) -> int:
        if isinstance(value, ListValueNode):
            return len(value.values)
        items = self._value(value)
        return len(items) if isinstance(items, list) else 1

    def _capped(self, size: float) -> int:
        # A larger size than the maximum is refused when the field is executed.
        return max(0, int(min(size, self.max_list_size, self.settings.max_page_size)))

    def _value(self, node: ValueNode) -> Any:
        """The value of a literal or a variable."""
        if isinstance(node, VariableNode):
            name = node.name.value
            self.used_variables[name] = None
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
        type = self.schema.get_type(name)
        assert is_composite_type(type)  # noqa: S101  # the document is valid
        return type


def max_passing_list_size(bound: BoundOperation, settings: CostSettings) -> int:
    """The largest size of lists with which an operation is within the limit; 0: there is none."""
    if CostEstimator(bound, settings, max_list_size=1).total() > settings.maximum:
        return 0
    low, high = 1, settings.max_page_size
    while low < high:
        middle = (low + high + 1) // 2
        if CostEstimator(bound, settings, max_list_size=middle).total() > settings.maximum:
            high = middle - 1
        else:
            low = middle
    return low
