"""The data of the servers: generated articles in a store, and the same graph as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gql.identity.viewer import PUBLIC
from gql.schema import Context, PageSizes, build_schema
from store import (
    NEWEST_FIRST,
    ArticleQuery,
    CursorCodec,
    FolderLoader,
    TinyDBRepository,
    Visibility,
    Window,
)
from store.model import Article
from tests.benchmarks.corpus import write_corpus

_PAGE = 500

_LISTS = """
query Lists {
  providers(first: 1000) {
    nodes {
      id domain name articleCount
      images { url width height title attribution isCached }
    }
  }
  topics(first: 1000) {
    nodes { id slug name keywords articleCount parent { id } children { id } }
  }
}
"""
_ARTICLES = """
query Articles($after: String) {
  articles(first: 500, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id slug title excerpt content category type publishedDateTime updatedDateTime
      url webUrl originalUrl ampWebUrl cdnAmpWebUrl quality heat published locale tags
      featuredContent metadata revision
      provider { id } topics { id }
      images { url width height title attribution isCached }
      related {
        title excerpt type publishedDateTime url webUrl ampWebUrl cdnAmpWebUrl quality
        provider { id } images { url width height title attribution isCached } article { id }
      }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Data:
    """The generated data.

    Attributes:
        store: The file of the store.
        graph: The file with the public graph as JSON.
        articles: The public articles, newest first.
        cursors: The cursor codec of the store.
    """

    store: Path
    graph: Path
    articles: Sequence[Article]  # newest first
    cursors: CursorCodec


def make_data(folder: Path, count: int, *, for_peer: bool = True) -> Data:
    """Generate `count` articles into `folder` and load them; existing ones are reused.

    `for_peer`: whether to write the graph for the peer, too, which takes most of the time.
    """
    return asyncio.run(_make_data(folder, count, for_peer=for_peer))


async def _make_data(folder: Path, count: int, *, for_peer: bool) -> Data:
    store, graph = folder / f"store-{count}.json", folder / f"peer-{count}.json"
    repository = TinyDBRepository.open(store)
    try:
        if not store.exists():
            documents = folder / f"documents-{count}"
            write_corpus(documents, count)
            await FolderLoader(repository, documents).load()
        if for_peer and not graph.exists():
            graph.write_bytes(orjson.dumps(await _graph(repository)))
        cursors = (await repository.snapshot()).cursors
        return Data(store, graph, await _published(repository), cursors)
    finally:
        await repository.close()


async def _published(repository: TinyDBRepository) -> Sequence[Article]:
    query = ArticleQuery(Window(first=1_000_000), order=NEWEST_FIRST)
    pages = await (await repository.snapshot()).pages([query], Visibility.PUBLISHED)
    return pages[0].items


async def _graph(repository: TinyDBRepository) -> dict[str, Any]:
    """Articles newest first, providers and topics; references between them are ids.

    It is queried from our own schema, so that the peer serves the same values.
    """
    schema = build_schema()

    async def ask(text: str, **variables: Any) -> Any:
        context = Context(await repository.snapshot(), PUBLIC, PageSizes(_PAGE, 1_000))
        result = await schema.execute(text, variables, context_value=context)
        if result.errors:
            raise RuntimeError(f"The graph cannot be exported: {result.errors[0]}")
        return result.data

    lists = await ask(_LISTS)
    articles: list[Any] = []
    page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        part = (await ask(_ARTICLES, after=page["endCursor"]))["articles"]
        articles += part["nodes"]
        page = part["pageInfo"]
    return {
        "articles": articles,
        "providers": lists["providers"]["nodes"],
        "topics": lists["topics"]["nodes"],
    }
