"""`Query.changesCursor` by plan: the right cursor for each viewer, filter and state."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gql.identity.viewer import PUBLIC, Permission, Viewer
from store import Batch
from tests.support.auth_client import add_key, auth_app, bearer_header
from tests.support.differential import ExecutorPair, execute
from tests.support.factories import article, memory_repository

TEXT = """query ($filter: ArticleFilter) {
  changesCursor(filter: $filter) articles(filter: $filter) { nodes { id } } all: changesCursor }"""
VIEWERS = [
    PUBLIC,
    Viewer({Permission.READ_SECURED}),
    Viewer({Permission.READ_DRAFTS}),
    Viewer({Permission.READ_DRAFTS, Permission.READ_SECURED}),
]
FILTERS: list[Any] = [None, {"heat": {"gte": 5}}, {"topics": {"some": ["Tides"]}}]


def test_plan_and_reference_agree_for_each_viewer_and_filter() -> None:
    """Each viewer and filter has a cursor of its own, except that all viewers share none."""
    pair = ExecutorPair()
    cursors = {}
    for viewer in VIEWERS:
        for number, filter in enumerate(FILTERS):
            asked = execute(TEXT, {"filter": filter}, viewer=viewer, pair=pair)
            assert asked.compiled
            data = asked.response["data"]
            cursors[viewer.permission_key, number] = data["changesCursor"]
            assert (data["all"] == data["changesCursor"]) is (filter is None)
    assert len(set(cursors.values())) == len(cursors)


@pytest.mark.parametrize("filter", [{}, {"not": {}}, {"title": {}}])
def test_invalid_filter_is_the_error_of_the_reference(filter: Any) -> None:
    """The plan leaves it to graphql-core."""
    text = "query ($filter: ArticleFilter) { changesCursor(filter: $filter) }"
    asked = execute(text, {"filter": filter})
    assert not asked.compiled
    assert asked.response["errors"][0]["extensions"]["code"] == "BAD_FILTER"


def test_cached_response_has_the_cursor_of_its_state(tmp_path: Path) -> None:
    """A write that the viewer may see gives a new cursor at once; drafts give the public none."""
    repository = memory_repository(article("one"))
    client = TestClient(auth_app(tmp_path, repository))
    headers = bearer_header(add_key(tmp_path, Permission.READ_DRAFTS))

    def cursor(**options: Any) -> str:
        answers = [client.post("/graphql", json={"query": TEXT}, **options) for _ in range(3)]
        assert len({each.content for each in answers}) == 1
        text: str = answers[0].json()["data"]["changesCursor"]
        return text

    public, all_ = [cursor()], [cursor(headers=headers)]
    for published in (False, True, False):
        put = article("two", published=published, title=f"{len(all_)}")
        asyncio.run(repository.apply(Batch(puts=(put,))))
        public.append(cursor())
        all_.append(cursor(headers=headers))
    assert [a == b for a, b in pairwise(public)] == [True, False, False]
    assert len({*public, *all_}) == 3 + 4
