"""The four queries of the benchmark, and the request bodies that rotate their variables.

Cursors are newsgraph's own everywhere: the peer server makes the same ones, so that every server
is sent the same bytes.
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
class Query:
    """A query, and what newsgraph wants to reach: a share of the ceiling, times the peer's rate."""

    name: str
    title: str
    text: str
    of_ceiling: float
    times_peer: float


QUERIES = {
    query.name: query
    for query in (
        Query("Q1", "one article by id, 4 scalars", _Q1, 0.80, 1.4),
        Query("Q2", "20 cards of a topic", _Q2, 0.80, 4),
        Query("Q3", "50 articles, every field", _Q3, 0.70, 15),
        Query("Q4", "1,000 x {id title webUrl}", _Q4, 0.65, 18),
    )
}


Variables = Mapping[str, Any]


class Workload:
    """The bodies of one query's requests over a corpus, in an order that is always the same.

    `articles`: those that the public sees, newest first. `cursors`: the store's.
    """

    def __init__(self, query: Query, articles: Sequence[Article], cursors: CursorCodec) -> None:
        self.query = query
        self._articles = articles
        self._cursors = [cursors.article(article, NEWEST_FIRST) for article in articles]

    def rotating(self) -> list[bytes]:
        """Thousands of requests that overlap: what a server sees that has run for a while."""
        variables = list(self._every())
        Random(SEED).shuffle(variables)
        return self._bodies(variables[:BODIES])

    def disjoint(self) -> list[bytes]:
        """Requests of which each asks for documents that none before asked for.

        Of Q2's cards, up to a fifth may have been asked for before, in another topic.
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
        for slug, places in self._places().items():
            for start in range(0, len(places) - CARDS + 1, step):
                yield self._topic_page(slug, places, start)

    def _topic_page(self, slug: str, places: Sequence[int], start: int) -> Variables:
        return {"slug": slug, "after": self._cursors[places[start - 1]] if start else None}

    def _fresh_topic_pages(self) -> Iterator[Variables]:
        """Pages of which nearly all cards are in no page before.

        An article is in two topics on average, so pages of only new ones would be too few.
        """
        seen: set[int] = set()
        for slug, places in sorted(self._places().items(), key=lambda item: -len(item[1])):
            start = 0
            while start + CARDS <= len(places):
                page = set(places[start : start + CARDS])
                if len(page - seen) >= FRESH_CARDS:
                    seen |= page
                    yield self._topic_page(slug, places, start)
                    start += CARDS
                else:
                    start += 1

    def _places(self) -> Mapping[str, Sequence[int]]:
        """Where the articles of each topic are in `articles`, by slug."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, article in enumerate(self._articles):
            for slug in dict.fromkeys(map(topic_slug, article.topics)):
                places[slug].append(place)
        return places


def sample(bodies: Sequence[bytes], size: int) -> list[bytes]:
    """Some of them, evenly spread."""
    return list(bodies[:: max(1, len(bodies) // size)])[:size]
