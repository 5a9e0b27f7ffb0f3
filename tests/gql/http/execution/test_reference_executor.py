"""The reference executor: the document cache, limits, and the errors that clients get."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
import strawberry
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import strategies as st
from strawberry.extensions import MaxTokensLimiter
from structlog.testing import capture_logs

from gql.http import DocumentLimits, GraphQLRequest, ReferenceExecutor, Result
from gql.http.documents import MAX_PLANS, GraphQLDocument, document_bytes
from gql.http.protocol.json_encoding import encode, nesting_depth
from tests.support.transport_schema import SCHEMA, Notebook, Query

EXECUTOR = ReferenceExecutor(SCHEMA)


def run(
    query: str,
    variables: dict[str, Any] | None = None,
    limits: DocumentLimits | None = None,
    operation_name: str | None = None,
) -> dict[str, Any]:
    """The response to a query, decoded."""
    executor = ReferenceExecutor(SCHEMA, limits) if limits else EXECUTOR
    request = GraphQLRequest(query=query, variables=variables, operation_name=operation_name)
    content: dict[str, Any] = json.loads(asyncio.run(executor(request, Notebook())).body)
    return content


def only_error(content: dict[str, Any]) -> dict[str, Any]:
    """The one error of a response."""
    (error,) = content["errors"]
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("{ hello }", 1),
        ("{ deeper { deeper { hello } } }", 3),
        ("{ ... { ... on Query { deeper { hello } } } }", 2),
        ("{ ...A } fragment A on Query { deeper { ...B } } fragment B on Query { hello }", 2),
        ("query A { hello } query B { deeper { hello } }", 2),
        ("query A { ...Q } fragment Q on Query { __schema { types { fields { name } } } }", 0),
    ],
)  # fmt: skip
def test_depth_counts_fields_within_fields(query: str, found: int) -> None:
    """Fragments add the depth of their fields; introspection has a limit of its own."""
    assert ReferenceExecutor(SCHEMA, DocumentLimits(depth=found)).get_document(query).errors == ()
    if found:
        (error,) = (
            ReferenceExecutor(SCHEMA, DocumentLimits(depth=found - 1)).get_document(query).errors
        )
        limit = {"code": "QUERY_TOO_DEEP", "limit": found - 1, "found": found}
        assert error["extensions"] == limit
        assert f"{found} levels" in error["message"]
        assert f"at most {found - 1}" in error["message"]


@pytest.mark.parametrize(
    ("query", "name", "code", "found"),
    [
        ("{ a: hello b: hello c: hello }", "aliases", "TOO_MANY_ALIASES", 3),
        ("{ a: deeper { ...A } b: deeper { ...A } } fragment A on Query { x: hello y: hello }",
         "aliases", "TOO_MANY_ALIASES", 6),
        ("query @include(if: true) { hello @skip(if: false) ... @skip(if: true) { hello } }",
         "directives", "TOO_MANY_DIRECTIVES", 3),
    ],
)  # fmt: skip
def test_limit_counts_fragments_wherever_they_are_spread(
    query: str, name: str, code: str, found: int
) -> None:
    """A fragment that is spread twice counts twice; the refusal says how many there are."""
    content = run(query, limits=DocumentLimits(**{name: found - 1}))
    assert only_error(content)["extensions"] == {"code": code, "limit": found - 1, "found": found}
    assert code not in json.dumps(run(query, limits=DocumentLimits(**{name: found})))


def test_aliases_that_fragments_multiply_are_counted_fast() -> None:
    """Thirty fragments that double each other have a billion aliases, counted in no time."""
    fragments = [
        f"fragment F{n} on Query {{ a: deeper {{ ...F{n + 1} }} b: deeper {{ ...F{n + 1} }} }}"
        for n in range(30)
    ]
    query = f"{{ ...F0 }} {' '.join(fragments)} fragment F30 on Query {{ hello }}"
    error = only_error(run(query, limits=DocumentLimits(depth=100)))
    assert error["extensions"]["code"] == "TOO_MANY_ALIASES"
    assert error["extensions"]["found"] == 2**31 - 2


def test_fragment_cycles_are_a_validation_error() -> None:
    """A cycle neither hangs the limits nor bypasses them."""
    query = "{ ...A } fragment A on Query { deeper { ...B } } fragment B on Query { ...A }"
    assert "GRAPHQL_VALIDATION_FAILED" in json.dumps(run(query))


def test_fragments_in_a_very_long_chain_do_no_harm() -> None:
    """The length of a chain of fragments is not bounded by Python's stack."""
    chain = " ".join(f"fragment F{n} on Query {{ deeper {{ ...F{n + 1} }} }}" for n in range(3_000))
    query = f"{{ ...F0 }} {chain} fragment F3000 on Query {{ hello }}"
    error = only_error(run(query, limits=DocumentLimits(tokens=100_000, characters=10**6)))
    assert error["extensions"] == {"code": "QUERY_TOO_DEEP", "limit": 16, "found": 3_001}


@pytest.mark.parametrize("query", ["{" + " hello" * 20 + " }", "{ hello }" + "\n#" * 20])
def test_tokens_are_limited(query: str) -> None:
    """The parser stops at the limit, for comments too; the error names it."""
    error = only_error(run(query, limits=DocumentLimits(tokens=10)))
    assert error["extensions"] == {"code": "TOO_MANY_TOKENS", "limit": 10}
    assert "more than 10 tokens" in error["message"]


def test_errors_are_limited() -> None:
    """A document with a thousand errors has a short response."""
    unknown = " ".join(f"nothing{n}" for n in range(1_000))
    assert len(run(f"{{ {unknown} }}", limits=DocumentLimits(errors=5))["errors"]) == 6
    names = [f"v{n}" for n in range(20)]
    declared = " ".join(f"${name}: Int!" for name in names)
    used = " ".join(f"{name}: double(of: ${name})" for name in names)
    content = run(
        f"query ({declared}) {{ {used} }}", dict.fromkeys(names, "x"), DocumentLimits(errors=5)
    )
    assert len(content["errors"]) == 6
    assert "data" not in content


def test_introspection_passes_the_default_limits() -> None:
    """It is GraphiQL's first request, in its longest form."""
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    assert run(query)["data"]["__schema"]["queryType"]["name"] == "Query"


def test_deep_introspection_is_refused() -> None:
    """Introspection has its own limit of depth."""
    inner = "name"
    for _ in range(6):
        inner = f"fields {{ type {{ {inner} }} }}"
    content = run(f"{{ __schema {{ types {{ {inner} }} }} }}")
    assert only_error(content)["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ find(by: {}) }", None),
        ('{ find(by: {id: "1", slug: "a"}) }', None),
        ("{ find(by: {id: $nobody}) }", None),
        ("query ($by: Key!) { find(by: $by) }", {"by": {}}),
        ("query ($by: Key!) { find(by: $by) }", {"by": {"id": "1", "slug": "a"}}),
        ("query ($by: Key!) { find(by: $by) }", {"by": {"id": None}}),
    ],
)
def test_one_of_takes_exactly_one_key(query: str, variables: dict[str, Any] | None) -> None:
    """Literals and variables alike; an undefined variable is no internal error."""
    content = run(query, variables)
    assert "data" not in content
    code = only_error(content)["extensions"]["code"]
    assert code == ("BAD_USER_INPUT" if variables else "GRAPHQL_VALIDATION_FAILED")


def test_one_of_variable_may_stand_in_a_fragment_of_one_of_several_operations() -> None:
    """Whether a variable fits a @oneOf input is judged for each operation that reaches it."""
    fragment = "fragment F on Query { find(by: {slug: $slug}) }"
    query = f"query A($slug: String!) {{ ...F }} query B {{ hello }} {fragment}"
    assert run(query, {"slug": "a"}, operation_name="A") == {"data": {"find": "a"}}
    content = run(query.replace("String!", "String"), {"slug": "a"}, operation_name="A")
    assert only_error(content)["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_one_of_inputs_are_introspected_as_such() -> None:
    """Generators of clients make a union of such an input."""
    content = run('{ __type(name: "Key") { isOneOf } }')
    assert content == {"data": {"__type": {"isOneOf": True}}}


def test_document_is_prepared_once() -> None:
    """Equal texts are parsed and validated once; invalid ones are not cached."""
    executor = ReferenceExecutor(SCHEMA)
    assert executor.get_document("{ hello }") is executor.get_document("{ hello }")
    executor.get_document("{ nothing }")
    executor.get_document("{")
    assert executor.documents.entries == 1


def test_document_counts_more_with_each_plan() -> None:
    """Its plans are part of its size."""
    document = GraphQLDocument(None)
    sizes = []
    for plan in range(200):
        sizes.append(document_bytes("{ hello }", document))
        document.add_plan(plan, None, 1_000)
    assert sizes[:MAX_PLANS] == sorted(set(sizes[:MAX_PLANS]))
    assert len(document.plans) <= MAX_PLANS
    assert max(sizes) <= sizes[0] + MAX_PLANS * 1_000


def test_operation_is_the_named_one_or_the_only_one() -> None:
    """Otherwise the error names the operations."""
    document = EXECUTOR.get_document("query A { hello } query B { hello }")
    assert document.find_operation("B") is document.operations[1]
    assert document.find_operation(None) is None
    assert "A, B" in document.operation_error(None)["message"]
    assert "A, B" in document.operation_error("C")["message"]
    assert EXECUTOR.get_document("query A { hello }").find_operation(None) is not None


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("{ refused }", "BAD_QUERY", "There is no such order. Use heat."),
        ("{ many(first: -1) { hello } }", "BAD_SIZE", "first is -1; it cannot be negative."),
    ],
)
def test_expected_error_keeps_its_message_and_code(query: str, code: str, message: str) -> None:
    """Store errors and our own reach the client with path and place, and are not logged."""
    with capture_logs() as logs:
        error = only_error(run(query))
    assert (error["message"], error["extensions"]["code"]) == (message, code)
    assert error["path"]
    assert error["locations"]
    assert logs == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("{ broken }", "hunter2"),
        ("{ missing }", "non-nullable"),
        ("{ double(of: 2000000000) }", "32-bit"),
    ],
)
def test_internal_error_is_masked_and_logged_under_one_id(query: str, fault: str) -> None:
    """The client gets only an id; the log has the id, the error and the traceback."""
    with capture_logs() as logs:
        error = only_error(run(query))
    error_id = error["extensions"]["id"]
    assert re.fullmatch(r"[0-9a-f]{12}", error_id)
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert error_id in error["message"]
    assert fault not in json.dumps(error)
    (line,) = logs
    assert (line["id"], line["path"]) == (error_id, error["path"])
    assert fault in str(line["exc_info"])


def test_internal_error_is_logged_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The log names the line that failed."""
    run("{ broken }")
    said = capsys.readouterr().out
    assert "Traceback" in said
    assert "transport_schema.py" in said


def test_null_variable_in_an_argument_is_the_error_of_the_client() -> None:
    """A null that validation cannot detect keeps graphql-core's message and location."""
    error = only_error(run("query ($of: Int = 1) { double(of: $of) }", {"of": None}))
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "'of'" in error["message"]


def test_data_around_an_error_is_kept() -> None:
    """An error nulls its own field only; errors come before data."""
    content = run("{ hello refused many(first: 2) { hello } }")
    assert list(content) == ["errors", "data"]
    many = [{"hello": "Hello world"}] * 2
    assert content["data"] == {"hello": "Hello world", "refused": None, "many": many}


def test_value_that_orjson_refuses_is_encoded_by_the_standard_library() -> None:
    """Lone surrogates and integers over 64 bits are encoded; NaN is null."""
    value = run("{ awkward }")["data"]["awkward"]
    assert value == {"surrogate": "\ud800", "huge": 2**70, "nan": None, "list": [1, [2]]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_encoded_values_round_trip(value: Any) -> None:
    """Decoding returns the same values, except for infinities."""
    expected = json.loads(re.sub(r"-?Infinity", "null", json.dumps(value)))
    if "Infinity" not in json.dumps(value):
        assert json.loads(encode(value)) == expected


@given(json_values)
def test_nesting_is_that_of_the_brackets(value: Any) -> None:
    """The depth of a value is how many brackets are open at once in its JSON."""
    depth = deepest = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(\\.|[^"\\])*"', "", json.dumps(value))):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    assert nesting_depth(value) == deepest


def test_schema_with_strawberry_extensions_is_refused() -> None:
    """They would not run, without any error."""
    schema = strawberry.Schema(query=Query, extensions=[lambda: MaxTokensLimiter(1)])
    with pytest.raises(TypeError, match="extensions"):
        ReferenceExecutor(schema)


@given(st.text(alphabet='{}()[]:$!@.#"\\ ,ab1\n') | st.text())
def test_any_query_text_is_answered(text: str) -> None:
    """No text makes the executor raise."""
    result = asyncio.run(EXECUTOR(GraphQLRequest(query=text), Notebook()))
    assert isinstance(result, Result)


@pytest.mark.parametrize("is_valid", [True, False])
def test_long_document_is_prepared_while_the_event_loop_goes_on(*, is_valid: bool) -> None:
    """It is parsed and validated in a thread, once for all concurrent requests."""
    fields = "hello " * 1_500 if is_valid else "nothing " * 1_500
    request = GraphQLRequest(query=f"{{ {fields} }}")

    async def load() -> int:
        executor, turns = ReferenceExecutor(SCHEMA), 0
        loading = asyncio.gather(*(executor.load_document(request) for _ in range(3)))
        while not loading.done():
            await asyncio.sleep(0)
            turns += 1
        before = executor.documents.misses
        document, _ = executor.find_operation(request)
        assert bool(document.errors) is not is_valid
        assert executor.documents.misses == before
        return turns

    assert asyncio.run(load()) > 10
