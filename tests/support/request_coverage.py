"""Coverage of random requests: which features of the API they use, and how often."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    value_from_ast_untyped,
)

from gql.http import GraphQLRequest
from tests.support.random_store import WRITE_KINDS
from tests.support.random_values import MEMBERS

_LISTS = {"articles", "providers", "topics", "referencedBy", "diagnostics"}
_SHAPES = {"nodes", "totalCount", "pageInfo"}
_LOOK_UPS = {"article", "provider", "topic", "node"}

EXPECTED_FEATURES = frozenset(
    {
        *("nodes", "edges without cursor", "edges with cursor", "edges without node"),
        *("totalCount", "pageInfo", "first", "last", "after", "before", "no window"),
        *("cursor of an article here", "cursor of something else"),
        *("filter and", "filter or", "filter not", "filter range", "filter null"),
        *(
            f"filter {operator}"
            for operator in (
                "eq ne in notIn contains startsWith isNull gt gte lt lte some all none isEmpty"
                " firstOf"
            ).split()
        ),
        *(f"filter {member}" for member in MEMBERS),
        *(
            f"order {field} {direction}"
            for field in ("PUBLISHED_DATE_TIME", "HEAT", "QUALITY", "TITLE")
            for direction in ("ASC", "DESC")
        ),
        *("order of several steps", "fragment spread", "inline fragment", "alias"),
        *("several lists", "list in a list", "list of an entity", "topic tree"),
        *("look-up article", "look-up provider", "look-up topic", "look-up node", "nodes by ids"),
        *("slug in a locale", "translations"),
        *("__typename", "@skip", "@include", "no variables"),
        *(
            f"variable {type}"
            for type in (
                "ArticleFilter StringFilter IntFilter DateTimeFilter ListFilter ArticleOrder"
                " ArticleOrderField OrderDirection String Int Boolean ID DateTime ArticleBy"
                " ProviderBy TopicBy"
            ).split()
        ),
        *("variable null", "variable missing", "variable of another type"),
        *("repeated", "repeated after a write", "other variables"),
        *(f"repeated after {kind}" for kind in WRITE_KINDS),
        *("sees drafts", "sees no drafts", "small cache", "scanned and indexed"),
    }
)
"""The features that every long run has to cover."""


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> DocumentNode | None:
    try:
        return parse(text, no_location=True)
    except GraphQLError:
        return None


class RequestFeatures:
    """The features that a request uses.

    Attributes:
        features: The names of the features, those in `EXPECTED_FEATURES` and others.
        cursors: The cursors in the arguments of lists.
    """

    def __init__(self, request: GraphQLRequest) -> None:
        self.features: set[str] = set()
        self.cursors: list[str] = []
        document = _parsed(request.query)
        if document is None:
            self.features.add("no GraphQL")
            return
        variables = request.variables or {}
        self._variables = dict(variables)
        self._lists = 0
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._operation(definition)

    def _operation(self, operation: OperationDefinitionNode) -> None:
        if not operation.variable_definitions:
            self.features.add("no variables")
        for definition in operation.variable_definitions or ():
            type: Any = definition.type
            while not hasattr(type, "name"):
                type = type.type
            name = definition.variable.name.value
            self.features.add(f"variable {type.name.value}")
            if name not in self._variables:
                self.features.add("variable missing")
            elif self._variables[name] is None:
                self.features.add("variable null")
            elif not _fits(self._variables[name], type.name.value):
                self.features.add("variable of another type")
        self._selection(operation.selection_set, 0, "Query")
        if self._lists > 1:
            self.features.add("several lists")

    def _selection(self, selections: SelectionSetNode | None, lists: int, parent: str) -> None:
        for field in self._fields(selections):
            self._directives(field)
            self._field(field, lists, parent)

    def _fields(self, selections: SelectionSetNode | None) -> Iterator[FieldNode]:
        """The fields of a selection, those in fragments too."""
        for each in selections.selections if selections else ():
            if isinstance(each, FieldNode):
                yield each
                continue
            self._directives(each)
            inner: Any = each
            if isinstance(each, FragmentSpreadNode):
                self.features.add("fragment spread")
                inner = self._fragments.get(each.name.value)
            else:
                assert isinstance(each, InlineFragmentNode)
                self.features.add("inline fragment")
            if inner is not None:
                yield from self._fields(inner.selection_set)

    def _directives(self, node: Node) -> None:
        self.features.update(
            f"@{each.name.value}" for each in getattr(node, "directives", None) or ()
        )

    def _field(self, field: FieldNode, lists: int, parent: str) -> None:
        name = field.name.value
        if field.alias:
            self.features.add("alias")
        if name == "__typename":
            self.features.add(name)
        names = {each.name.value for each in self._fields(field.selection_set)}
        is_list = name in _LISTS and bool(names & (_SHAPES | {"edges"}))
        arguments = {each.name.value: each.value for each in field.arguments or ()}
        if is_list:
            self._list(field, names, lists, parent)
        elif parent == "Query" and name in _LOOK_UPS:
            self.features.add(f"look-up {name}")
            by = self._value(arguments["by"]) if "by" in arguments else None
            if isinstance(by, dict) and by.get("slug") and by.get("locale"):
                self.features.add("slug in a locale")
        elif name == "nodes" and "ids" in arguments:
            self.features.add("nodes by ids")
        if name == "translations":
            self.features.add(name)
        if name in ("children", "parent"):
            self.features.add("topic tree")
        self._selection(field.selection_set, lists + is_list, "" if is_list else name)

    def _list(self, field: FieldNode, names: set[str], lists: int, parent: str) -> None:
        self._lists += 1
        self.features.update(names & _SHAPES)
        if lists:
            self.features.add("list in a list")
        elif parent != "Query":
            self.features.add("list of an entity")
        for edges in self._fields(field.selection_set):
            if edges.name.value == "edges":
                members = {each.name.value for each in self._fields(edges.selection_set)}
                shape = "with" if "cursor" in members else "without"
                has_node = "node" in members
                self.features.add(f"edges {shape} cursor" if has_node else "edges without node")
        given = {each.name.value: self._value(each.value) for each in field.arguments or ()}
        window = {name for name in ("first", "last", "after", "before") if given.get(name)}
        self.features.update(window or {"no window"})
        cursors = (given[name] for name in window & {"after", "before"})
        self.cursors.extend(cursor for cursor in cursors if isinstance(cursor, str))
        self._filter(given.get("filter"))
        self._order(given.get("orderBy"))

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            return self._variables.get(node.name.value)
        return value_from_ast_untyped(node, self._variables)

    def _filter(self, given: Any) -> None:
        if not isinstance(given, dict):
            return
        for member, value in given.items():
            self.features.add(f"filter {member}")
            if value is None:
                self.features.add("filter null")
            elif member in ("and", "or") and isinstance(value, list):
                for each in value:
                    self._filter(each)
            elif member == "not":
                self._filter(value)
            elif isinstance(value, dict):
                self.features.update(f"filter {operator}" for operator in value)
                if any(operand is None for operand in value.values()):
                    self.features.add("filter null")
                if len({"gt", "gte"} & value.keys()) and len({"lt", "lte"} & value.keys()):
                    self.features.add("filter range")

    def _order(self, given: Any) -> None:
        steps = given if isinstance(given, list) else [given] if given else []
        if len(steps) > 1:
            self.features.add("order of several steps")
        for step in steps:
            if isinstance(step, dict):
                direction = step.get("direction", "DESC")
                self.features.add(f"order {step.get('field')} {direction}")


def _fits(value: Any, type: str) -> bool:
    """Whether a variable's JSON is roughly of its type."""
    if isinstance(value, list):
        return all(_fits(each, type) for each in value)
    if type == "Int":
        return isinstance(value, int) and not isinstance(value, bool)
    if type == "Boolean":
        return isinstance(value, bool)
    return isinstance(value, dict) == (type.endswith(("Filter", "By", "Order")))


class Coverage:
    """The numbers of requests by feature.

    Attributes:
        requests: The number of requests with each feature.
        valid: The number of those without errors.
        compiled: The number of those that the compiled executor executed.
    """

    TOTAL = "all requests"

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.valid: Counter[str] = Counter()
        self.compiled: Counter[str] = Counter()

    def count(self, features: Iterable[str], *, is_valid: bool, is_compiled: bool) -> None:
        """Count a request."""
        features = {*features, self.TOTAL}
        self.requests.update(features)
        if is_valid:
            self.valid.update(features)
            if is_compiled:
                self.compiled.update(features)

    def add(self, other: Coverage) -> None:
        """Add the numbers of another run."""
        self.requests += other.requests
        self.valid += other.valid
        self.compiled += other.compiled

    def missing(self, least: int = 1) -> list[str]:
        """The expected features with fewer valid requests than `least`."""
        invalid = {"filter null", "variable of another type"}  # errors most often
        return sorted(
            feature
            for feature in EXPECTED_FEATURES
            if (self.requests if feature in invalid else self.valid)[feature] < least
        )

    def table(self) -> str:
        """A table of the expected features with their numbers."""
        features = self.requests.keys() & {*EXPECTED_FEATURES, self.TOTAL}
        lines = [f"{'requests':>9} {'no error':>9} {'compiled':>9}  feature"]
        lines += [
            f"{self.requests[name]:>9} {self.valid[name]:>9} {self.compiled[name]:>9}  {name}"
            for name in sorted(features, key=lambda name: (-self.requests[name], name))
        ]
        return "\n".join(lines)


def cursor_id(cursor: str) -> str | None:
    """The last value in a cursor; the id in a cursor of articles."""
    try:
        signed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        *_, id = json.loads(signed[:-8])  # its last 8 bytes authenticate it
    except (ValueError, TypeError):
        return None
    return id if isinstance(id, str) else None


def request_key(request: GraphQLRequest) -> str:
    """A key that is equal for equal requests."""
    return json.dumps([request.query, request.operation_name, request.variables], sort_keys=True)
