"""A client that runs GraphQL operations on a repository, without HTTP."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

import orjson

from gql.http import DocumentLimits, Executor, GraphQLRequest, ReferenceExecutor
from gql.identity.viewer import PUBLIC, Viewer
from gql.scheduler import Job, Scheduler
from gql.schema import Context, PageSizes, build_schema
from store import Repository

SCHEMA = build_schema()
SIZES = PageSizes()

UNSLICED = Scheduler(slice_s=inf)
"""Never slices an execution: slices split batch loads, and change which error comes first."""

CARD = "{ nodes { slug } }"
"""The selection on a list that shows which articles it holds."""


class GraphClient:
    """Runs operations on the graph of a repository.

    Attributes:
        repository: The repository.
        execute: The executor of the operations; the reference executor by default.
        sizes: The page sizes.
        viewer: The viewer whose rights apply.
    """

    def __init__(
        self,
        repository: Repository,
        execute: Executor | None = None,
        sizes: PageSizes = SIZES,
        viewer: Viewer = PUBLIC,
    ) -> None:
        self.repository = repository
        self.execute = execute or ReferenceExecutor(SCHEMA, DocumentLimits(depth=40))
        self.sizes = sizes
        self.viewer = viewer

    def as_viewer(self, viewer: Viewer) -> GraphClient:
        """A client of the same graph with the rights of another viewer."""
        return GraphClient(self.repository, self.execute, self.sizes, viewer)

    def response(self, query: str, **variables: Any) -> Any:
        """The whole response of a query."""
        return asyncio.run(self._response(query, variables))

    async def _response(self, query: str, variables: dict[str, Any]) -> Any:
        snapshot = await self.repository.snapshot()
        context = Context(snapshot, self.viewer, self.sizes, self.repository, Job(UNSLICED))
        request = GraphQLRequest(query=query, variables=variables)
        return orjson.loads((await self.execute(request, context)).body)

    def query(self, query: str, **variables: Any) -> Any:
        """The data of a query; fail if it has errors."""
        answer = self.response(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def query_async(self, query: str, **variables: Any) -> Any:
        """The same as `query`, for callers on an event loop."""
        answer = await self._response(query, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def error(self, query: str, **variables: Any) -> tuple[str, str]:
        """The code and the message of a query's only error; fail if there is none."""
        [error] = self.response(query, **variables)["errors"]
        return error["extensions"]["code"], error["message"]

    def slugs(self, **arguments: Any) -> list[str]:
        """The slugs of the articles in the list with these arguments."""
        query = (
            "query ($filter: ArticleFilter, $orderBy: [ArticleOrder!], $first: Int, $last: Int,"
            " $after: String, $before: String) { articles(filter: $filter, orderBy: $orderBy,"
            f" first: $first, last: $last, after: $after, before: $before) {CARD} }}"
        )
        nodes = self.query(query, **arguments)["articles"]["nodes"]
        return [node["slug"] for node in nodes]
