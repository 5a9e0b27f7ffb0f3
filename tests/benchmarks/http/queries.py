"""The four queries of the benchmark, and request bodies with different variables.

All servers use newsgraph's cursors, so that every server gets the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from store import NEWEST_FIRST, CursorCodec, topic_slug
from store.model import Article

BODIES = 4_000
CARDS, ARTICLES, HEADLINES = 20, 50, 1_000
FRESH_CARDS = 16  # of 20, see `_fresh_topic_pages`
SEED = 1

_Q1 = "query One($id: ID!) { article(by: {id: $id}) { id title url publishedDateTime } }"

_Q2 = """
query Cards($slug: String!, $after: String) {
  topic(by: {slug: $slug}) {
    articles(first: 20, after: $after) {
      totalCount
      nodes {
        id slug title excerpt publishedDateTime webUrl
        provider { name images { url } }
        topics { name }
        images { url width height }
      }
    }
  }
}
"""

# Every field of Article but two: `secured`, which the public never sees, and `referencedBy`, which
# is a list of its own.
_Q3 = """
query Articles($after: String) {
  articles(first: 50, after: $after) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes {
      id slug title excerpt content category type publishedDateTime updatedDateTime
      url webUrl originalUrl ampWebUrl cdnAmpWebUrl quality heat published locale tags
      featuredContent metadata revision
      provider { id domain name images { url width height } }
      topics { id slug name }
      images { url width height title attribution isCached }
      image { url width height }
      related {
        title excerpt type publishedDateTime url webUrl quality
        provider { id name }
        images { url width height }
        article { id title }
      }
    }
  }
}
"""

_Q4 = """
query Headlines($after: String) {
  articles(first: 1000, after: $after) { nodes { id title webUrl } }
}
"""


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """A query and its goals.

    Attributes:
        name: The name.
        title: A short description.
        text: The document.
        ceiling_share: The goal as a share of the ceiling's rate.
        times_peer: The goal as a multiple of the peer's rate.
    """

    name: str
    title: str
    text: str
    ceiling_share: float
    times_peer: float


QUERIES = {
    query.name: query
    for query in (
        BenchmarkQuery("Q1", "one article by id, 4 scalars", _Q1, 0.80, 1.4),
        BenchmarkQuery("Q2", "20 cards of a topic", _Q2, 0.80, 4),
        BenchmarkQuery("Q3", "50 articles, every field", _Q3, 0.70, 15),
        BenchmarkQuery("Q4", "1,000 x {id title webUrl}", _Q4, 0.65, 18),
    )
}


Variables = Mapping[str, Any]


class Workload:
    """The bodies of a query's requests, in a fixed order.

    `articles`: the public ones, newest first. `cursors`: the store's.
    """

    def __init__(
        self, query: BenchmarkQuery, articles: Sequence[Article], cursors: CursorCodec
    ) -> None:
        self.query = query
        self._articles = articles
        self._cursors = [cursors.article(article, NEWEST_FIRST) for article in articles]

    def rotating(self) -> list[bytes]:
        """Thousands of overlapping requests, as for a server with warm caches."""
        variables = list(self._every())
        Random(SEED).shuffle(variables)
        return self._bodies(variables[:BODIES])

    def disjoint(self) -> list[bytes]:
        """Requests without common documents.

        Of Q2's cards, up to a fifth may occur in an earlier request, in another topic.
        """
        variables = list(self._fresh())
        Random(SEED).shuffle(variables)
        return self._bodies(variables)

    def _bodies(self, variables: Sequence[Variables]) -> list[bytes]:
        return [orjson.dumps({"query": self.query.text, "variables": v}) for v in variables]

    def _every(self) -> Iterator[Variables]:
        match self.query.name:
            case "Q1":
                return self._by_id()
            case "Q2":
                return self._topic_pages(step=1)
            case "Q3":
                return self._pages(ARTICLES, step=1)
            case _:
                return self._pages(HEADLINES, step=1)

    def _fresh(self) -> Iterator[Variables]:
        match self.query.name:
            case "Q1":
                return self._by_id()
            case "Q2":
                return self._fresh_topic_pages()
            case "Q3":
                return self._pages(ARTICLES, step=ARTICLES)
            case _:
                return self._pages(HEADLINES, step=HEADLINES)

    def _by_id(self) -> Iterator[Variables]:
        return ({"id": article.id} for article in self._articles)

    def _pages(self, size: int, step: int) -> Iterator[Variables]:
        """Full pages, starting at every `step`-th article."""
        for start in range(0, len(self._articles) - size + 1, step):
            yield {"after": self._cursors[start - 1] if start else None}

    def _topic_pages(self, step: int) -> Iterator[Variables]:
        """The same for each topic."""
        for slug, indexes in self._places().items():
            for start in range(0, len(indexes) - CARDS + 1, step):
                yield self._topic_page(slug, indexes, start)

    def _topic_page(self, slug: str, indexes: Sequence[int], start: int) -> Variables:
        return {"slug": slug, "after": self._cursors[indexes[start - 1]] if start else None}

    def _fresh_topic_pages(self) -> Iterator[Variables]:
        """Pages whose cards are nearly all in no earlier page.

        An article is in two topics on average, so pages without repetition would be too few.
        """
        seen: set[int] = set()
        for slug, indexes in sorted(self._places().items(), key=lambda item: -len(item[1])):
            start = 0
            while start + CARDS <= len(indexes):
                page = set(indexes[start : start + CARDS])
                if len(page - seen) >= FRESH_CARDS:
                    seen |= page
                    yield self._topic_page(slug, indexes, start)
                    start += CARDS
                else:
                    start += 1

    def _places(self) -> Mapping[str, Sequence[int]]:
        """The indexes in `articles` of each topic's articles, by slug."""
        indexes: dict[str, list[int]] = defaultdict(list)
        for place, article in enumerate(self._articles):
            for slug in dict.fromkeys(map(topic_slug, article.topics)):
                indexes[slug].append(place)
        return indexes


def sample(bodies: Sequence[bytes], size: int) -> list[bytes]:
    """Some of the bodies, evenly spread."""
    return list(bodies[:: max(1, len(bodies) // size)])[:size]
