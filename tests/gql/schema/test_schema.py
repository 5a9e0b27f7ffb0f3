"""The schema: its committed text, descriptions and conventions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
    print_schema,
)

from gql.adapters.strawberry import graphql_schema
from tests.support.graph_client import SCHEMA

COMMITTED = Path(__file__).parents[3] / "schema.graphql"
TYPES = {
    name: type
    for name, type in graphql_schema(SCHEMA).type_map.items()
    if not name.startswith("__") and not is_specified_scalar_type(type)
}
FIELDED = GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType


def members() -> Iterator[tuple[str, str, Any]]:
    """Every member of the schema: its path, its own name, what it is."""
    for name, type in TYPES.items():
        if isinstance(type, FIELDED):
            for field_name, field in type.fields.items():
                yield f"{name}.{field_name}", field_name, field
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument_name}:)", argument_name, argument


def enum_values() -> Iterator[tuple[str, str, Any]]:
    """Every enum value of the schema: its path, its own name, what it is."""
    for name, type in TYPES.items():
        if isinstance(type, GraphQLEnumType):
            for value_name, value in type.values.items():
                yield f"{name}.{value_name}", value_name, value


def test_schema_committed_file_is_what_the_program_offers():
    """`schema.graphql` is the schema; after a change write it with `newsgraph schema`."""
    assert COMMITTED.read_text() == f"{SCHEMA}\n"


def test_schema_everything_has_a_description():
    """Every type, field, argument, input field and enum value says what it is for."""
    described = [*TYPES.items(), *((path, it) for path, _, it in (*members(), *enum_values()))]
    assert [path for path, member in described if not (member.description or "").strip()] == []


def test_schema_itself_and_its_directives_have_descriptions():
    """Introspection gives the schema's, and the text has both."""
    text = str(SCHEMA)
    assert graphql_schema(SCHEMA).description == build_schema(text).description
    assert all(each.description for each in build_schema(text).directives)


def test_schema_payloads_lead_on_to_all_queries():
    """Each mutation's payload has `query`, of a non-null type."""
    mutations: Any = TYPES["Mutation"]
    for name, field in mutations.fields.items():
        payload: Any = get_nullable_type(field.type)
        assert str(payload.fields["query"].type) == "Query!", name


def test_schema_descriptions_are_sentences():
    """A description starts like a sentence and ends like one."""
    for path, _, member in (*members(), *enum_values()):
        text = member.description.strip()
        assert text[-1] in ".…", path
        assert text[0].isupper() or text.startswith("`"), path


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (list(TYPES), r"([A-Z][a-z0-9]*)+|URL|JSON"),
        ([name for _, name, _ in members()], r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*"),
        ([name for _, name, _ in enum_values()], r"[A-Z]+(_[A-Z0-9]+)*"),
    ],
    ids=["types are PascalCase", "fields are camelCase", "enum values are SCREAMING_SNAKE"],
)
def test_schema_names_follow_the_conventions(names, pattern):
    """Names look as GraphQL's guide to naming wants them."""
    assert [name for name in names if not re.fullmatch(pattern, name)] == []


def test_schema_list_items_are_never_null_but_in_nodes():
    """Only `nodes(ids:)` has holes: those of ids that name nothing."""
    holes = [
        path
        for path, _, member in members()
        if is_list_type(inner := get_nullable_type(member.type))
        and not is_non_null_type(inner.of_type)
    ]
    assert holes == ["Query.nodes"]


def test_schema_lookups_and_addresses_may_be_null():
    """What may be absent is nullable, so that its absence does not take its parent away."""
    nullable = {
        path
        for path, _, member in members()
        if not is_non_null_type(member.type) and re.match(r"(Query|Article)\.\w+$", path)
    }
    assert nullable >= {"Query.node", "Query.article", "Query.provider", "Query.topic"}
    assert nullable >= {"Article.webUrl", "Article.image", "Article.excerpt", "Article.secured"}


def test_schema_every_list_of_a_connection_takes_both_directions():
    """Connections page forwards and backwards by the same four arguments (some only forwards)."""
    for path, _, member in members():
        if str(member.type).endswith("Connection!"):
            wanted = {"first", "after", "last", "before"}
            if path in ("Query.changes", "Query.diagnostics"):
                wanted = {"first", "after"}
            assert wanted <= member.args.keys(), path


def test_schema_lookups_take_exactly_one_key():
    """The `…By` inputs are @oneOf, but for that of articles: a slug may come with a locale."""
    inputs = re.findall(r"^input (\w+By) ", str(SCHEMA), re.MULTILINE)
    one_of = re.findall(r"^input (\w+) @oneOf ", str(SCHEMA), re.MULTILINE)
    assert inputs == ["ArticleBy", *one_of]


def test_schema_own_scalars_say_where_they_are_specified():
    """DateTime, URL and JSON carry @specifiedBy."""
    text = print_schema(graphql_schema(SCHEMA))
    found = re.findall(
        r"^scalar (\w+) @specifiedBy\(url: \"https://[^\"]+\"\)$", text, re.MULTILINE
    )
    assert sorted(found) == ["DateTime", "JSON", "URL"]
