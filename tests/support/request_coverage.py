"""What kinds of things requests hold, so that a run can tell what it has tried and how often."""

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

EXPECTED = frozenset(
    {
        *("nodes", "edges without cursor", "edges with cursor", "edges without node"),
        *("totalCount", "pageInfo", "first", "last", "after", "before", "no window"),
        *("cursor of an article here", "cursor of something else"),
        *("filter and", "filter or", "filter not", "filter range", "filter null"),
        *(
            f"filter {operator}"
            for operator in (
                "eq ne in notIn contains startsWith isNull gt gte lt lte some all none isEmpty"
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
        *("asked again", "asked again after a write", "other variables"),
        *(f"asked again after {kind}" for kind in WRITE_KINDS),
        *("sees drafts", "sees no drafts", "small cache", "scanned and indexed"),
    }
)
"""The kinds that every long run has to hold."""


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> DocumentNode | None:
    try:
        return parse(text, no_location=True)
    except GraphQLError:
        return None


class RequestKinds:
    """The kinds of things that a request holds.

    Attributes:
        kinds: The kinds, as in `EXPECTED` and others.
        cursors: The cursors that it gives to lists.
    """

    def __init__(self, request: GraphQLRequest) -> None:
        self.kinds: set[str] = set()
        self.cursors: list[str] = []
        document = _parsed(request.query)
        if document is None:
            self.kinds.add("no GraphQL")
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
            self.kinds.add("no variables")
        for definition in operation.variable_definitions or ():
            type: Any = definition.type
            while not hasattr(type, "name"):
                type = type.type
            name = definition.variable.name.value
            self.kinds.add(f"variable {type.name.value}")
            if name not in self._variables:
                self.kinds.add("variable missing")
            elif self._variables[name] is None:
                self.kinds.add("variable null")
            elif not _fits(self._variables[name], type.name.value):
                self.kinds.add("variable of another type")
        self._selection(operation.selection_set, 0, "Query")
        if self._lists > 1:
            self.kinds.add("several lists")

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
                self.kinds.add("fragment spread")
                inner = self._fragments.get(each.name.value)
            else:
                assert isinstance(each, InlineFragmentNode)
                self.kinds.add("inline fragment")
            if inner is not None:
                yield from self._fields(inner.selection_set)

    def _directives(self, node: Node) -> None:
        self.kinds.update(f"@{each.name.value}" for each in getattr(node, "directives", None) or ())

    def _field(self, field: FieldNode, lists: int, parent: str) -> None:
        name = field.name.value
        if field.alias:
            self.kinds.add("alias")
        if name == "__typename":
            self.kinds.add(name)
        names = {each.name.value for each in self._fields(field.selection_set)}
        is_list = name in _LISTS and bool(names & (_SHAPES | {"edges"}))
        arguments = {each.name.value: each.value for each in field.arguments or ()}
        if is_list:
            self._list(field, names, lists, parent)
        elif parent == "Query" and name in _LOOK_UPS:
            self.kinds.add(f"look-up {name}")
        elif name == "nodes" and "ids" in arguments:
            self.kinds.add("nodes by ids")
        if name in ("children", "parent"):
            self.kinds.add("topic tree")
        self._selection(field.selection_set, lists + is_list, "" if is_list else name)

    def _list(self, field: FieldNode, names: set[str], lists: int, parent: str) -> None:
        self._lists += 1
        self.kinds.update(names & _SHAPES)
        if lists:
            self.kinds.add("list in a list")
        elif parent != "Query":
            self.kinds.add("list of an entity")
        for edges in self._fields(field.selection_set):
            if edges.name.value == "edges":
                members = {each.name.value for each in self._fields(edges.selection_set)}
                shape = "with" if "cursor" in members else "without"
                has_node = "node" in members
                self.kinds.add(f"edges {shape} cursor" if has_node else "edges without node")
        given = {each.name.value: self._value(each.value) for each in field.arguments or ()}
        window = {name for name in ("first", "last", "after", "before") if given.get(name)}
        self.kinds.update(window or {"no window"})
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
            self.kinds.add(f"filter {member}")
            if value is None:
                self.kinds.add("filter null")
            elif member in ("and", "or") and isinstance(value, list):
                for each in value:
                    self._filter(each)
            elif member == "not":
                self._filter(value)
            elif isinstance(value, dict):
                self.kinds.update(f"filter {operator}" for operator in value)
                if any(operand is None for operand in value.values()):
                    self.kinds.add("filter null")
                if len({"gt", "gte"} & value.keys()) and len({"lt", "lte"} & value.keys()):
                    self.kinds.add("filter range")

    def _order(self, given: Any) -> None:
        steps = given if isinstance(given, list) else [given] if given else []
        if len(steps) > 1:
            self.kinds.add("order of several steps")
        for step in steps:
            if isinstance(step, dict):
                direction = step.get("direction", "DESC")
                self.kinds.add(f"order {step.get('field')} {direction}")


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
    """How many requests there were of each kind, and what became of them.

    Attributes:
        asked: The number of requests of each kind.
        valid: How many of these had no errors.
        compiled: How many of these ran compiled.
    """

    TOTAL = "all requests"

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.valid: Counter[str] = Counter()
        self.compiled: Counter[str] = Counter()

    def count(self, kinds: Iterable[str], *, is_valid: bool, is_compiled: bool) -> None:
        """Count a request."""
        kinds = {*kinds, self.TOTAL}
        self.asked.update(kinds)
        if is_valid:
            self.valid.update(kinds)
            if is_compiled:
                self.compiled.update(kinds)

    def add(self, other: Coverage) -> None:
        """Count what another has counted, too."""
        self.asked += other.asked
        self.valid += other.valid
        self.compiled += other.compiled

    def missing(self, least: int = 1) -> list[str]:
        """The expected kinds of which there were fewer requests without errors."""
        refused = {"filter null", "variable of another type"}  # which are errors most often
        return sorted(
            kind
            for kind in EXPECTED
            if (self.asked if kind in refused else self.valid)[kind] < least
        )

    def table(self) -> str:
        """The counts of the expected kinds as text, a line for each."""
        known = [kind for kind in self.asked if kind in EXPECTED or kind == self.TOTAL]
        lines = [f"{'requests':>9} {'no error':>9} {'compiled':>9}  kind"]
        lines += [
            f"{self.asked[kind]:>9} {self.valid[kind]:>9} {self.compiled[kind]:>9}  {kind}"
            for kind in sorted(known, key=lambda kind: (-self.asked[kind], kind))
        ]
        return "\n".join(lines)


def cursor_id(cursor: str) -> str | None:
    """The last value in a cursor: in those of articles, the id."""
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        *_, id = json.loads(sealed[:-8])  # behind it stands a code that authenticates it
    except (ValueError, TypeError):
        return None
    return id if isinstance(id, str) else None


def same(request: GraphQLRequest) -> str:
    """What is equal for requests that ask the same."""
    return json.dumps([request.query, request.operation_name, request.variables], sort_keys=True)
