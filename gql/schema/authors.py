"""The authors of articles."""

from __future__ import annotations

import strawberry

from .scalars import Url


@strawberry.type(description="An author of an article, as its document names them.")
class Author:
    name: str = strawberry.field(description="The name.")
    url: Url | None = strawberry.field(description="A page about the author.")
    image: Url | None = strawberry.field(description="The URL of a picture.")
