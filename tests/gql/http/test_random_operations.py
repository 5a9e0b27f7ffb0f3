"""Operations that schemathesis and hypothesis-graphql draw from the committed schema.

They know nothing of newsgraph, as a stranger's client: random arguments, scalars and selections.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis.graphql
from graphql import IntValueNode, NameNode, ObjectFieldNode, ObjectValueNode, StringValueNode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from gql.identity.viewer import Permission
from tests.support.mutation_client import MutationClient, mutation_client
from tests.support.sizes import scaled

SCHEMA = (Path(__file__).parents[3] / "schema.graphql").read_text()
SCALARS = {
    "DateTime": st.one_of(st.text(), st.datetimes().map(lambda at: f"{at.isoformat()}Z")).map(
        lambda text: StringValueNode(value=text)
    ),
    "URL": st.one_of(st.text(), st.just("https://a.example/b")).map(
        lambda text: StringValueNode(value=text)
    ),
    "JSON": st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.integers()).map(
        lambda value: ObjectValueNode(
            fields=tuple(
                ObjectFieldNode(name=NameNode(value=key), value=IntValueNode(value=str(number)))
                for key, number in value.items()
            )
        )
    ),
}
for name, strategy in SCALARS.items():
    schemathesis.graphql.scalar(name, strategy)

OPERATIONS: dict[str, Any] = {
    operation.label: operation
    for operation in (
        result.ok()  # type: ignore[union-attr]  # the schema is valid
        for result in schemathesis.graphql.from_file(SCHEMA).get_all_operations()
    )
}
quick = settings(
    max_examples=scaled(20, long=60),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MutationClient]:
    """A server of a folder that may be written to."""
    with mutation_client(tmp_path_factory.mktemp("news")) as client:
        yield client


def check(response: Any, query: str) -> None:
    """Fail if the server has failed: each error has a code, and none is an internal one."""
    assert response.status_code < 500, query
    body = response.json()
    for error in body.get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_ERROR", query
    assert "data" in body or body["errors"], query


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_field_fails_internally_for_a_stranger(label: str, client: MutationClient) -> None:
    """Any arguments and selection of a root field get data, or an error with a code."""

    @quick
    @given(OPERATIONS[label].as_strategy())
    def send(case: Any) -> None:
        check(client.http.post("/graphql", json={"query": case.body}), case.body)

    send()


@settings(quick, max_examples=scaled(50, long=300))
@given(query=from_schema(SCHEMA, custom_scalars=SCALARS))
def test_no_operation_fails_internally_for_a_writer(query: str, client: MutationClient) -> None:
    """Any operation of several fields, with mutations, by a key that may write."""
    headers = {"authorization": f"Bearer {client.keys[Permission.WRITE]}"}
    check(client.http.post("/graphql", json={"query": query}, headers=headers), query)
