"""Semantic nullability: a root field that fails leaves the data of the others as it is."""

from __future__ import annotations

from typing import Any

import msgspec
from graphql import ObjectTypeDefinitionNode, is_non_null_type, parse
from hypothesis import given
from hypothesis import strategies as st

from gql.adapters.strawberry import graphql_schema
from tests.support.differential import STORY, ExecutorPair, execute
from tests.support.graph_client import SCHEMA

GRAPHQL = graphql_schema(SCHEMA)
LOOK_UPS = {"node", "article", "provider", "topic"}

REFUSED = {
    "articles": 'articles(after: "x") { totalCount }',
    "providers": "providers(first: -1) { totalCount }",
    "topics": 'topics(before: "x", last: 1) { totalCount }',
    "nodes": f"nodes(ids: {['x'] * 200}) {{ id }}".replace("'", '"'),
    "changes": "changes(first: -1) { nodes { cursor } }",
    "diagnostics": "diagnostics { totalCount }",
}
"""Each root list with arguments, or a viewer, that it refuses."""

TAKEN = {
    "article": f'article(by: {{slug: "{STORY.slug}"}}) {{ title provider {{ name }} }}',
    "articles": "articles { nodes { slug } totalCount }",
    "provider": 'provider(by: {domain: "nowhere.example"}) { name }',
    "topics": "topics { edges { node { name } cursor } }",
    "nodes": f'nodes(ids: ["{STORY.id}", "x"]) {{ id }}',
}
PAIR = ExecutorPair()


def root_fields(type_name: str) -> dict[str, Any]:
    """The fields of a root type."""
    type: Any = GRAPHQL.type_map[type_name]
    return dict(type.fields)


def merged(parts: list[tuple[str, str]]) -> str:
    """One operation of many components: each part under an alias of its own."""
    return "{" + " ".join(f"p{number}: {text}" for number, (_, text) in enumerate(parts)) + "}"


def test_root_fields_are_nullable():
    """A non-null field that fails would take the data of all others."""
    for type_name in ("Query", "Mutation"):
        for name, field in root_fields(type_name).items():
            assert not is_non_null_type(field.type), name


def test_root_fields_that_are_null_only_with_an_error_say_so():
    """All but look-ups have `@semanticNonNull`."""
    [query] = [
        each
        for each in parse(str(SCHEMA)).definitions
        if isinstance(each, ObjectTypeDefinitionNode) and each.name.value == "Query"
    ]
    for field in query.fields or ():
        directives = {each.name.value for each in field.directives or ()}
        expected = field.name.value not in LOOK_UPS
        assert ("semanticNonNull" in directives) is expected, field.name.value


@given(
    st.lists(
        st.sampled_from(list(TAKEN.items()))
        | st.sampled_from([(f"!{key}", text) for key, text in REFUSED.items()]),
        min_size=1,
        max_size=6,
    )
)
def test_page_keeps_the_parts_that_are_not_refused(parts):
    """Whatever is refused: each other part has its data, and each refused one an error."""
    response = execute(merged(parts), pair=PAIR).response
    refused = [number for number, (key, _) in enumerate(parts) if key.startswith("!")]
    assert [error["path"] for error in response.get("errors", ())] == [[f"p{n}"] for n in refused]
    for number, (key, text) in enumerate(parts):
        alone = execute("{ p: " + text + " }", pair=PAIR).response["data"]["p"]
        assert response["data"][f"p{number}"] == alone
        assert (alone is None) is (number in refused or key == "provider")


def test_failure_below_a_root_field_leaves_the_other_root_fields():
    """An error in a non-null field goes up to the root field, and no further."""
    nested = (
        f'{{ a: article(by: {{slug: "{STORY.slug}"}})'
        ' { referencedBy(after: "x") { totalCount } }'
        " b: topics { totalCount } }"
    )
    response = execute(nested).response
    assert response["data"] == {"a": None, "b": {"totalCount": 1}}
    assert response["errors"][0]["path"] == ["a", "referencedBy"]


def test_broken_document_takes_its_own_list_only():
    """A value that no Int can hold is an error of its list; another list is served."""
    broken = msgspec.structs.replace(STORY, heat=2**40)
    response = execute(
        "{ a: articles { nodes { heat } } b: articles { nodes { slug } } }", articles=[broken]
    ).response
    assert response["data"] == {"a": None, "b": {"nodes": [{"slug": STORY.slug}]}}
