"""Every field of the schema runs by a plan, except for a few by name.

A field that loads documents without a `Link` has the right result, but a hundred times slower; no
other test would detect that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from gql.adapters.strawberry import graphql_schema
from gql.identity.viewer import Permission, Viewer
from tests.support.differential import STORY, ExecutorPair, execute
from tests.support.graph_client import SCHEMA

NOT_COMPILED = {"Query.changes", "Query.diagnostics"}
"""Fields that are seldom selected, and those that only they lead to."""

VALUES: dict[str, Any] = {
    "ArticleBy!": {"slug": STORY.slug},
    "ProviderBy!": {"domain": STORY.provider.domain},
    "TopicBy!": {"slug": "tides"},
    "ID!": STORY.id,
    "[ID!]!": [STORY.id],
    "URL!": STORY.web_url or "https://news.example/story",
    "[URL!]!": [STORY.web_url or "https://news.example/story"],
    "String!": "tides",
    "[String!]!": ["tides"],
    "Int!": 1,
}
"""Values for the required arguments, by type."""

EVERYBODY = Viewer(frozenset(Permission))
GRAPHQL = graphql_schema(SCHEMA)
Composite = GraphQLObjectType | GraphQLInterfaceType


class Path(NamedTuple):
    """A path from the root to a selection set.

    Attributes:
        opening: The text before the selection.
        closing: The text after it.
        variables: The declarations of the variables in the text, and their values.
    """

    opening: str
    closing: str
    variables: dict[str, tuple[str, Any]]

    def below(self, name: str, field: GraphQLField) -> Path:
        """The path through a field of the selection, with variables for all arguments of it."""
        variables, given = dict(self.variables), []
        for argument_name, argument in field.args.items():
            variable = f"v{len(variables)}"
            type = str(argument.type)
            value = VALUES[type] if isinstance(argument.type, GraphQLNonNull) else None
            variables[variable] = type, value
            given.append(f"{argument_name}: ${variable}")
        arguments = f"({', '.join(given)})" if given else ""
        return Path(f"{self.opening} {name}{arguments} {{", f"}} {self.closing}", variables)

    def asks(self, selection: str) -> tuple[str, dict[str, Any]]:
        """The document with a selection at the path, and its variables."""
        declared = ", ".join(f"${name}: {type}" for name, (type, _) in self.variables.items())
        head = f"query ({declared})" if declared else "query"
        values = {name: value for name, (_, value) in self.variables.items() if value is not None}
        return f"{head} {{ {self.opening} {selection} {self.closing} }}", values


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each field of each type that the root leads to: its name, a document that asks for it and
    the document's variables.
    """
    paths: dict[str, Path] = {"Query": Path("", "", {})}
    waiting = ["Query"]
    while waiting:
        type: Any = GRAPHQL.type_map[waiting.pop(0)]
        path = paths[type.name]
        for name, field in type.fields.items():
            below, inner = path.below(name, field), get_named_type(field.type)
            is_leaf = is_leaf_type(inner)
            opening = below.opening.removesuffix("{") if is_leaf else below.opening
            closing = path.closing if is_leaf else below.closing
            selection = "" if is_leaf else "__typename"
            document = Path(opening, closing, below.variables).asks(selection)
            yield f"{type.name}.{name}", *document
            leads_on = f"{type.name}.{name}" not in NOT_COMPILED and inner.name not in paths
            if leads_on and isinstance(inner, Composite):
                paths[inner.name] = below
                waiting.append(inner.name)


FIELDS = {name: (text, variables) for name, text, variables in fields()}


@pytest.fixture(scope="module")
def pair() -> ExecutorPair:
    """Both executors, for all tests of this module."""
    return ExecutorPair()


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_field_runs_compiled(pair, field):
    """With all of its arguments, for a viewer with all permissions."""
    text, variables = FIELDS[field]
    asked = execute(text, variables, viewer=EVERYBODY, pair=pair)
    assert asked.compiled is (field not in NOT_COMPILED), text
    assert "errors" not in asked.response or field in NOT_COMPILED


def test_fields_of_all_types_are_walked():
    """The paths lead to all types, so that all fields are tested above."""
    walked = {name.partition(".")[0] for name in FIELDS}
    assert walked >= {"Article", "ArticleEdge", "Provider", "Topic", "RelatedArticle", "Image"}
    assert FIELDS.keys() >= NOT_COMPILED
