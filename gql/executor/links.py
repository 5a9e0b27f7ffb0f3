"""The links of the schema's fields (`gql.schema.links`), as the compiler finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..schema.links import Link, link_of
from ..schema.loaders import BatchLoad

__all__ = ["LINKS", "Ask", "Link"]

Ask = BatchLoad


class _Links:
    """The links by the resolvers that were made from them."""

    def __contains__(self, resolver: Callable[..., Any] | None) -> bool:
        return link_of(resolver) is not None

    def __getitem__(self, resolver: Callable[..., Any]) -> Link:
        link = link_of(resolver)
        if link is None:
            raise KeyError(resolver)
        return link


LINKS = _Links()
