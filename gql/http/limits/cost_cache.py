"""The cost cache of a document: the costs of its operations, by the variables that matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .cost import BoundOperation, CostSettings, SearchArguments, estimate_searches
from .cost_estimator import CostEstimator

_MAX_ENTRIES = 256
_MAX_NAME = 100
_ENTRY_BYTES, _VALUE_BYTES = 250, 120


class _CachedCost(NamedTuple):
    """The cost of an operation for some variables.

    Attributes:
        values: The number of values in the response.
        searches: The count and the arguments of each search.
    """

    values: int
    searches: tuple[tuple[int, SearchArguments], ...]


class CostCache:
    """The costs of a document's operations, by the values of the variables on which they depend.

    The cost of searches is not cached, for it depends on the store.

    Attributes:
        size_bytes: The size of its entries.
    """

    __slots__ = ("_by_operation", "size_bytes")

    def __init__(self) -> None:
        self._by_operation: dict[int, tuple[tuple[str, ...], dict[Any, _CachedCost]]] = {}
        self.size_bytes = 0

    def cost(self, bound: BoundOperation, settings: CostSettings) -> int:
        """The cost of an operation of this document."""
        cached = self._find(bound) or self._estimate(bound, settings)
        if not cached.searches:
            return cached.values
        variables = bound.variables_with_defaults()
        return cached.values + estimate_searches(cached.searches, variables, settings)

    def _find(self, bound: BoundOperation) -> _CachedCost | None:
        names, by_values = self._by_operation.get(id(bound.operation), ((), {}))
        return by_values.get(_key(names, bound.variables))

    def _estimate(self, bound: BoundOperation, settings: CostSettings) -> _CachedCost:
        estimator = CostEstimator(bound, settings)
        cost, names = estimator.estimate(), tuple(estimator.used_variables)
        searches = tuple((times, estimator.searches[n]) for n, times in cost.searches.items())
        cached = _CachedCost(cost.values, searches)
        _, by_values = self._by_operation.setdefault(id(bound.operation), (names, {}))
        entry_bytes = _ENTRY_BYTES + _VALUE_BYTES * (len(names) + len(searches))
        if len(by_values) >= _MAX_ENTRIES:
            self.size_bytes -= entry_bytes * len(by_values)
            by_values.clear()
        by_values[_key(names, bound.variables)] = cached
        self.size_bytes += entry_bytes
        return cached


def _key(names: tuple[str, ...], variables: Mapping[str, Any]) -> Any:
    """A small key of the values of variables, as far as the cost depends on them.

    The cost depends on sizes, conditions and the names of types.
    """
    return tuple(_value_key(variables.get(name, ...)) for name in names) if names else ()


def _value_key(value: Any) -> tuple[type, Any]:
    is_name = isinstance(value, str) and len(value) <= _MAX_NAME
    is_sized = isinstance(value, list | dict | str) and not is_name
    return type(value), len(value) if is_sized else value
