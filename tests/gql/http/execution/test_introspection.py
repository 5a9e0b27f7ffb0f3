"""Introspection: correct for every kind of type, and its cost is its number of values."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query

from gql.settings import load_settings
from tests.gql.http.limits.test_cost import cost
from tests.support.factories import memory_repository
from tests.support.graph_client import GraphClient

WRAPPED = (
    "kind name isOneOf ofType { kind name isOneOf ofType { kind name isOneOf ofType { kind } } }"
)
EVERYTHING = f"""{{
  __schema {{
    description
    types {{ ...T }}
    queryType {{ ...T }} mutationType {{ ...T }} subscriptionType {{ ...T }}
    directives {{
      name description locations isRepeatable
      args(includeDeprecated: true) {{ ...V }}
    }}
  }}
}}
fragment W on __Type {{
  description specifiedByURL {WRAPPED}
  interfaces {{ name }} possibleTypes {{ name }}
  enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
}}
fragment V on __InputValue {{
  name description defaultValue isDeprecated deprecationReason type {{ ...W }}
}}
fragment T on __Type {{
  ...W
  fields(includeDeprecated: true) {{
    name description isDeprecated deprecationReason
    args(includeDeprecated: true) {{ ...V }}
    type {{ ...W }}
  }}
  inputFields(includeDeprecated: true) {{ ...V }}
}}"""
NAMED = """{ a: __type(name: "Article") { ...T } b: __type(name: "Nobody") { ...T } }
fragment T on __Type { name fields { name args { name type { name } } } }"""
DEPRECATED = """{ __schema { types { fields(includeDeprecated: true) {
  type { fields(includeDeprecated: true) { name } } } } } }"""
ONE_OF = {"ProviderBy", "TopicBy"}
CLIENTS = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
    one_of=True,
)
"""What GraphiQL, Apollo and Relay's compilers ask for, with all that they may ask for."""


def ask(query: str, **variables: Any) -> Any:
    """The data of a query that must have no errors."""
    return GraphClient(memory_repository()).query(query, **variables)


def values(answer: Any) -> int:
    """The number of values in a response: those of fields, and the objects in lists."""
    if isinstance(answer, dict):
        return sum(1 + values(each) for each in answer.values())
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return sum(1 + values(each) for each in answer)
    return 0


def types_in(answer: Any) -> list[Any]:
    """All types in a response, wrapped ones too."""
    if isinstance(answer, list):
        return [type for each in answer for type in types_in(each)]
    if not isinstance(answer, dict):
        return []
    own = [answer] if "isOneOf" in answer else []
    return own + [type for each in answer.values() for type in types_in(each)]


def test_every_field_of_introspection_resolves_on_every_type():
    """Wrapped ones too; `isOneOf` is null for types that are no input objects."""
    for type in types_in(ask(EVERYTHING)):
        is_input = type["kind"] == "INPUT_OBJECT"
        one_of = type["name"] in ONE_OF
        assert type["isOneOf"] == (one_of if is_input else None), type


@pytest.mark.parametrize(
    "query",
    [
        CLIENTS,
        EVERYTHING,
        DEPRECATED,
        NAMED,
        "{ __schema { ... { directives @skip(if: true) { name } queryType { name } } } }",
    ],
)
def test_introspection_costs_its_number_of_values(query):
    """Exactly: lists have their sizes in the schema."""
    assert cost(query) == values(ask(query))


def test_cost_of_a_type_depends_on_its_name():
    """Also where a variable names it, although costs are cached by document."""
    query = "query ($n: String!) { __type(name: $n) { fields { name } } }"
    names = ("Article", "Image", "Topic", "Int", "Article")
    assert [cost(query, n=n) for n in names] == [values(ask(query, n=n)) for n in names]


def test_full_introspection_is_within_the_cost_limit_and_many_are_not():
    """The one that tools send passes several times over; under 99 aliases it is refused."""
    maximum = load_settings().max_cost
    assert cost(CLIENTS) < maximum / 5
    assert cost(EVERYTHING) < maximum
    body = "__schema { types { name fields { name type { name } args { name } } } }"
    assert cost("{" + " ".join(f"a{n}: {body}" for n in range(99)) + "}") > maximum


def test_costs_of_nested_fragments_are_memoized_by_level():
    """Otherwise fragments that double at each step take as long to count as to execute."""
    levels = 60
    doubling = " ".join(
        f"fragment F{n} on __Type {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)
    )
    query = (
        f"{{ __schema {{ types {{ ...F0 }} }} }} {doubling} fragment F{levels} on __Type {{ name }}"
    )
    assert cost(query) > 2**levels
