"""A graph to ask, as clients ask it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from gql.http import DocumentLimits, Executor, GraphQLRequest, ReferenceExecutor
from gql.identity.viewer import PUBLIC, Viewer
from gql.schema import Context, PageSizes, build_schema
from store import Repository

SCHEMA = build_schema()
SIZES = PageSizes()

CARD = "{ nodes { slug } }"
"""What shows which articles a list holds."""


class Graph:
    """The graph of one store, for one viewer at a time."""

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

    def seen_by(self, viewer: Viewer) -> Graph:
        """The same graph for somebody else."""
        return Graph(self.repository, self.execute, self.sizes, viewer)

    def answer(self, query: str, **variables: Any) -> Any:
        """The whole response to a query."""
        return asyncio.run(self._answer(query, variables))

    async def _answer(self, query: str, variables: dict[str, Any]) -> Any:
        snapshot = await self.repository.snapshot()
        context = Context(snapshot, self.viewer, self.sizes, self.repository)
        request = GraphQLRequest(query=query, variables=variables)
        return orjson.loads((await self.execute(request, context)).body)

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a query that must have no errors."""
        answer = self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def asked(self, query: str, **variables: Any) -> Any:
        """The same as `ask`, on an event loop."""
        answer = await self._answer(query, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def refusal(self, query: str, **variables: Any) -> tuple[str, str]:
        """The code and the message of the one error that a query must have."""
        [error] = self.answer(query, **variables)["errors"]
        return error["extensions"]["code"], error["message"]

    def slugs(self, **arguments: Any) -> list[str]:
        """The slugs of the articles that these arguments list."""
        query = (
            "query ($filter: ArticleFilter, $orderBy: [ArticleOrder!], $first: Int, $last: Int,"
            " $after: String, $before: String) { articles(filter: $filter, orderBy: $orderBy,"
            f" first: $first, last: $last, after: $after, before: $before) {CARD} }}"
        )
        nodes = self.ask(query, **arguments)["articles"]["nodes"]
        return [node["slug"] for node in nodes]
