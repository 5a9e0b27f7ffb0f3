"""Readers, in the styles of several clients."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import orjson

from tests.benchmarks.abuse.random_search import operation_text
from tests.soak.load_client import HttpResponse, LoadClient, SoakContext
from tests.soak.servers import RestartableServer

_CARDS = "{ articles(first: 20) { nodes { id slug title heat provider { name } } } }"
_PAGE = """query Page($after: String) { articles(first: 20, after: $after) {
  pageInfo { hasNextPage endCursor } edges { cursor node { id title } } } }"""
_TYPED = """query Story($by: ArticleBy!) { __typename article(by: $by) {
  __typename id ...Card related { __typename title article { __typename ...Card } } } }
fragment Card on Article { __typename title excerpt provider { __typename id name }
  topics { __typename id name } image(width: 320) { __typename url } }"""
_SLUGS = "{ articles(first: 100) { nodes { slug } } }"
_PATHS = ("/feed.xml", "/feed.json", "/sitemap.xml", "/metrics", "/healthz", "/readyz", "/")
_PAGES_READ = 3


class Reader(LoadClient):
    """A client whose responses must be valid."""

    def check_response(self, response: HttpResponse) -> bool:
        """Whether a response is valid; records an error if not."""
        is_valid = response.status == 200 and b'"errors":' not in response.body[:20]
        self.expect(is_valid, "a query failed", response)
        return is_valid


class PlainReader(Reader):
    """Posts a query, as `fetch` does."""

    def step(self) -> None:
        """Query a list."""
        response = self.http.post("plain", _CARDS)
        if self.check_response(response):
            count = len(response.json()["data"]["articles"]["nodes"])
            self.expect(count == 20, f"{count} of 20 articles", response)


class ConditionalGetReader(Reader):
    """Queries by GET, with the ETag of the last response."""

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(context, seed, server)
        self._tag = ""

    def step(self) -> None:
        """Send a conditional GET."""
        headers = {"if-none-match": self._tag} if self._tag else {}
        response = self.http.send("get", "GET", f"/graphql?query={quote(_CARDS)}", None, headers)
        if response.status == 304:
            self.recorder.count("304")
        elif self.check_response(response):
            self._tag = response.headers.get("etag", "")


class GzipReader(Reader):
    """Accepts gzip."""

    def step(self) -> None:
        """Query a compressed list."""
        response = self.http.post("gzip", _CARDS, accept_encoding="gzip")
        if response.headers.get("content-encoding") == "gzip":
            response = response._replace(body=gzip.decompress(response.body))
        if self.check_response(response):
            orjson.loads(response.body)


class PaginatingReader(Reader):
    """Paginates, as Relay does."""

    def step(self) -> None:
        """Query three pages, in which no article comes twice."""
        after, seen = None, set[str]()
        for _ in range(_PAGES_READ):
            response = self.http.post("page", _PAGE, {"after": after})
            if not self.check_response(response):
                return
            found = response.json()["data"]["articles"]
            ids = {edge["node"]["id"] for edge in found["edges"]}
            self.expect(not ids & seen, "an article came twice", response)
            seen |= ids
            after = found["pageInfo"]["endCursor"]


class ApolloReader(Reader):
    """Queries a story in the style of Apollo, with `__typename` everywhere."""

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(context, seed, server)
        self._slugs: list[str] = []

    def step(self) -> None:
        """Query a story."""
        if not self._slugs:
            response = self.http.post("plain", _SLUGS)
            if not self.check_response(response):
                return
            self._slugs = [n["slug"] for n in response.json()["data"]["articles"]["nodes"]]
        self.check_response(
            self.http.post("story", _TYPED, {"by": {"slug": self.rng.choice(self._slugs)}})
        )


class RandomOperationReader(Reader):
    """Sends random operations, which may be rejected."""

    pause_s = 0.5

    def step(self) -> None:
        """Send an operation."""
        seeds = [self.rng.randrange(2**32) for _ in range(self.rng.choice([1, 2, 3]))]
        response = self.http.post("random operation", operation_text(seeds, self.rng))
        is_valid = response.status in {200, 400} and b"INTERNAL_ERROR" not in response.body
        self.expect(is_valid, "an operation failed", response)


class PageReader(Reader):
    """Requests feeds and pages for operators."""

    pause_s = 0.5

    def step(self) -> None:
        """Request a page."""
        path = self.rng.choice(_PATHS)
        response = self.http.send("web pages", "GET", path, None, {})
        self.expect(response.status == 200, path, response)


READERS: tuple[type[Reader], ...] = (
    PlainReader,
    ConditionalGetReader,
    GzipReader,
    PaginatingReader,
    ApolloReader,
    RandomOperationReader,
    PageReader,
)
"""One of each kind."""
