"""Field merging: the conflicts of graphql-core's rule, in time proportional to the document."""

from __future__ import annotations

import time
from random import Random

import pytest
from graphql import OverlappingFieldsCanBeMergedRule, parse, specified_rules, validate

from gql.adapters.strawberry import graphql_schema
from gql.http import DocumentLimits, ReferenceExecutor
from gql.http.limits.field_merging import merge_errors
from tests.support.graph_client import SCHEMA
from tests.support.sizes import scaled

EXECUTOR = ReferenceExecutor(SCHEMA)
GRAPHQL = graphql_schema(SCHEMA)
OTHERS = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule]

FIELDS = {
    "Node": ["id", "x: id", "__typename", "x: __typename"],
    "Article": ["title", "x: title", "x: slug", "slug", "tags", "x: tags", "quality", "x: quality"],
    "Provider": ["name", "x: name", "slug: domain", "x: articleCount", "title: name"],
    "Topic": ["name", "x: slug", "slug", "title: name"],
}
OBJECTS = {
    "Node": [],
    "Article": [
        ("provider", "Provider"),
        ("x: provider", "Provider"),
        ("parent: provider", "Provider"),
        ("topics", "Topic"),
        ("related { article", "Article"),
        ("y: referencedBy(first: 1) { nodes", "Article"),
        ("y: referencedBy(first: 2) { nodes", "Article"),
    ],
    "Provider": [
        ("y: articles(first: 1) { nodes", "Article"),
        ("topics: articles { nodes", "Article"),
    ],
    "Topic": [("parent", "Topic"), ("topics: children", "Topic"), ("children", "Topic")],
}


def selection(rng: Random, type: str, depth: int, fragments: dict[str, tuple[str, int]]) -> str:
    """A selection on a type; fragments are spread by name and made later."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        below = OBJECTS[type] if depth else []
        if kind < 0.4 and below:
            name, inner = rng.choice(below)
            parts.append(
                f"{name} {selection(rng, inner, depth - 1, fragments)}" + "}" * ("{" in name)
            )
        elif kind < 0.55 and depth:
            inner = rng.choice([*OBJECTS] if type == "Node" else [type, "Node"])
            parts.append(f"... on {inner} {selection(rng, inner, depth - 1, fragments)}")
        elif kind < 0.7 and depth:
            inner = rng.choice([*OBJECTS] if type == "Node" else [type, "Node"])
            name = f"F{rng.randint(0, 3)}{inner}{depth - 1}"
            fragments[name] = inner, depth - 1
            parts.append(f"...{name}")
        else:
            parts.append(rng.choice(FIELDS[type]))
    return "{ " + " ".join(parts) + " }"


def random_document(rng: Random) -> str:
    """A document that is valid but for fields that may conflict, which is so for about half."""
    fragments: dict[str, tuple[str, int]] = {}
    text = f'{{ node(id: "a") {selection(rng, "Node", 3, fragments)} }}'
    made: set[str] = set()
    while left := fragments.keys() - made:
        name = min(left)
        made.add(name)
        on, depth = fragments[name]
        text += f" fragment {name} on {on} {selection(rng, on, depth, fragments)}"
    return text


def test_conflicts_are_those_that_graphql_core_finds():
    """For documents drawn at random, with fields that conflict and fields that do not."""
    found = {True: 0, False: 0}
    for seed in range(scaled(150, long=300)):
        text = random_document(Random(seed))
        document = parse(text)
        if validate(GRAPHQL, document, OTHERS):
            continue
        expected = validate(GRAPHQL, document, [OverlappingFieldsCanBeMergedRule])
        errors = merge_errors(GRAPHQL, document)
        assert [str(e) for e in errors] == [str(e) for e in expected], text
        found[bool(errors)] += 1
    assert min(found.values()) > 30, found


CARD = """id title slug excerpt webUrl quality publishedDateTime tags
  provider { id name domain images { url width height } }
  images { url width height } topics { slug name parent { slug name } }"""


def spread(count: int, body: str) -> str:
    """Many fragments on Article, all spread at one place."""
    names = " ".join(f"...F{n}" for n in range(count))
    fragments = " ".join(f"fragment F{n} on Article {{ {body} }}" for n in range(count))
    return f"{{ articles {{ nodes {{ {names} }} }} }} {fragments}"


def test_documents_of_many_components_pass():
    """As Relay and Apollo make them: sixty fragments that repeat the same twenty fields, nested."""
    assert EXECUTOR.get_document(spread(60, CARD)).errors == ()


MESH = " ".join(
    f"fragment F{n} on Article {{ id {' '.join(f'...F{m}' for m in range(n + 1, 60))} }}"
    for n in range(60)
)
FIELDS_900 = [f"{field} {{ id }}" for field in ["provider", "topics", "parent: topics"] * 300]
KINDS = {
    "one field many times": "{ articles { nodes { " + "slug " * 3_900 + "} } }",
    "one object many times": "{ articles { nodes { " + "provider { id } " * 950 + "} } }",
    "in fragments without a name": "{ articles { nodes { "
    + "... { provider { id } } " * 560
    + "} } }",
    "many fragments": spread(420, "id"),
    "fragments that spread each other": "{ articles { nodes { ...F0 } } } " + MESH,
    "operations that share a fragment": " ".join(
        f"query Q{n} {{ articles {{ nodes {{ ...F }} }} }}" for n in range(170)
    )
    + " fragment F on Article { "
    + "id " * 1_500
    + "}",
    "conflicts": "{ articles { nodes { " + "id: slug id " * 950 + "} } }",
    "arguments that differ": "{ articles { nodes { "
    + " ".join(f"image(minWidth: {n}) {{ url }}" for n in range(420))
    + " } } }",
    "nested conflicts": "{ articles { nodes { "
    + "related { article { id: slug } } related { article { id } } " * 240
    + "} } }",
    "introspection": "{ __schema { " + "types { fields { name } } " * 480 + "} }",
    "lines": "\n" * 99_000 + "{" + " ".join(f"x{n}" for n in range(30)) + "}",
    "escapes": '{ article(by: {slug: "' + "\\n" * 49_000 + '"}) { id } }',
    "long names": "{ articles { nodes { "
    + " ".join("p" * 2_300 + str(n) for n in range(40))
    + "} } }",
    "variables": "query (" + "$v: Int " * 990 + ") { articles(first: $v) { totalCount } }",
    "many operations": " ".join(f"query Q{n} {{ articles {{ totalCount }} }}" for n in range(490)),
}
PLAIN = "{ " + " ".join(f"a{n}: articles {{ nodes {{ {CARD} }} }}" for n in range(60)) + " }"


def cpu_s(text: str) -> float:
    """The least time that it takes to prepare a document."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        ReferenceExecutor(SCHEMA).get_document(text)
        times.append(time.process_time() - begun)
    return min(times)


@pytest.mark.parametrize("kind", KINDS)
def test_validation_takes_time_proportional_to_the_document(kind):
    """Valid or invalid: compared with a plain document of as many tokens."""
    assert cpu_s(KINDS[kind]) < 4 * cpu_s(PLAIN)


def test_document_that_takes_too_long_has_an_error_of_its_own():
    """Fields that are merged too often are an error; cycles of fields are none."""
    [error] = EXECUTOR.get_document(KINDS["operations that share a fragment"]).errors
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert EXECUTOR.get_document(KINDS["one object many times"]).errors == ()


def test_text_is_limited_and_the_error_names_the_remedy():
    """The parser reads it character by character."""
    limit = DocumentLimits().characters
    long = f'{{ article(by: {{slug: "{"x" * limit}"}}) {{ id }} }}'
    [error] = EXECUTOR.get_document(long).errors
    assert error["extensions"] == {
        "code": "DOCUMENT_TOO_LONG",
        "limit": limit,
    }
    assert "variables" in error["message"]


def test_nesting_that_the_parser_refuses_has_its_own_error():
    """Not too many tokens, of which there are few."""
    [error] = EXECUTOR.get_document(
        "{ articles(first: " + "[" * 900 + "]" * 900 + ") { id } }"
    ).errors
    assert error["extensions"]["code"] == "QUERY_TOO_DEEP"
    assert "nested" in error["message"]


def test_locations_of_errors_are_right_for_all_line_endings():
    """As graphql-core counts lines."""
    [error, other] = EXECUTOR.get_document("{\r\n x1\r\ry1 \n}").errors
    assert error["locations"] == [{"line": 2, "column": 2}]
    assert other["locations"] == [{"line": 4, "column": 1}]
