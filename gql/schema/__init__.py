"""The GraphQL schema: types, arguments and resolvers over a snapshot of the store."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from gql.adapters.strawberry import DescribedSchema

from .changes import Subscription
from .context import Context, PageSizes
from .federation import FIELDS, MACHINERY, REPRESENTATION, service_sdl
from .mutation import Mutation
from .query import Query
from .scalars import SCALARS
from .search_cost import search_cost

__all__ = ["Context", "PageSizes", "build_schema", "search_cost"]


def build_schema(*, federation: bool = False) -> strawberry.Schema:
    """The schema of `schema.graphql`. `federation`: as a subgraph, with the fields of routers."""
    schema = DescribedSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS | REPRESENTATION),
    )
    if not federation:
        schema.remove(FIELDS, MACHINERY)
    schema.describe(
        "The graph of a folder of news articles: articles, their providers, topics and related "
        "stories. Lists are Relay connections, and objects with an id are nodes. Drafts show only "
        "to viewers with the scope READ_DRAFTS. Queries and subscriptions share one history of "
        "changes."
    )
    if federation:
        service_sdl(schema)  # before the first request, which would have to wait
    return schema
