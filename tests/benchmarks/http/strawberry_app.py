"""The default ASGI view of Strawberry over our schema, without any tuning."""

from __future__ import annotations

from typing import Any

from strawberry.asgi import GraphQL

from gql.identity.viewer import PUBLIC
from gql.schema import Context, PageSizes, build_schema
from gql.settings import load_settings
from store import Repository, TinyDBRepository


class _View(GraphQL[Context, None]):
    """The view, with the context of our resolvers."""

    def __init__(self, repository: Repository, sizes: PageSizes) -> None:
        super().__init__(build_schema())
        self._repository = repository
        self._sizes = sizes

    async def get_context(self, request: Any, response: Any) -> Context:  # noqa: ARG002  # they are its signature
        """The context with the snapshot of a request."""
        return Context(await self._repository.snapshot(), PUBLIC, self._sizes)


def from_env() -> _View:
    """The application factory for uvicorn, over the store of newsgraph's settings."""
    settings = load_settings()
    repository = TinyDBRepository.open(settings.store_path)
    return _View(repository, PageSizes(settings.page_size, settings.max_page_size))
