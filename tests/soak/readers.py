"""Readers, each as some clients are."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import orjson

from tests.benchmarks.abuse.search import text
from tests.soak.client import Actor, Reply, World
from tests.soak.servers import Server

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


class Reader(Actor):
    """A reader; its answers have no errors."""

    def good(self, reply: Reply) -> bool:
        """Whether an answer is good; else that is an error."""
        is_good = reply.status == 200 and b'"errors":' not in reply.body[:20]
        self.expect(is_good, "a query failed", reply)
        return is_good


class Plain(Reader):
    """Posts a query as `fetch` does."""

    def step(self) -> None:
        """One list."""
        reply = self.http.post("plain", _CARDS)
        if self.good(reply):
            count = len(reply.json()["data"]["articles"]["nodes"])
            self.expect(count == 20, f"{count} of 20 articles", reply)


class Getting(Reader):
    """Asks by GET, with the ETag of the answer before."""

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(world, seed, server)
        self._tag = ""

    def step(self) -> None:
        """One conditional GET."""
        headers = {"if-none-match": self._tag} if self._tag else {}
        reply = self.http.ask("get", "GET", f"/graphql?query={quote(_CARDS)}", None, headers)
        if reply.status == 304:
            self.ledger.count("304")
        elif self.good(reply):
            self._tag = reply.headers.get("etag", "")


class Compressed(Reader):
    """Takes gzip."""

    def step(self) -> None:
        """One compressed list."""
        reply = self.http.post("gzip", _CARDS, accept_encoding="gzip")
        if reply.headers.get("content-encoding") == "gzip":
            reply = reply._replace(body=gzip.decompress(reply.body))
        if self.good(reply):
            orjson.loads(reply.body)


class Paging(Reader):
    """Pages as Relay does."""

    def step(self) -> None:
        """Three pages, in which no article comes twice."""
        after, seen = None, set[str]()
        for _ in range(_PAGES_READ):
            reply = self.http.post("page", _PAGE, {"after": after})
            if not self.good(reply):
                return
            found = reply.json()["data"]["articles"]
            ids = {edge["node"]["id"] for edge in found["edges"]}
            self.expect(not ids & seen, "an article came twice", reply)
            seen |= ids
            after = found["pageInfo"]["endCursor"]


class Typed(Reader):
    """Asks for one story as Apollo does, with `__typename` everywhere."""

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(world, seed, server)
        self._slugs: list[str] = []

    def step(self) -> None:
        """One story."""
        if not self._slugs:
            reply = self.http.post("plain", _SLUGS)
            if not self.good(reply):
                return
            self._slugs = [n["slug"] for n in reply.json()["data"]["articles"]["nodes"]]
        self.good(self.http.post("story", _TYPED, {"by": {"slug": self.rng.choice(self._slugs)}}))


class AtRandom(Reader):
    """Sends operations drawn by lot, which may be refused."""

    pause_s = 0.5

    def step(self) -> None:
        """One operation."""
        seeds = [self.rng.randrange(2**32) for _ in range(self.rng.choice([1, 2, 3]))]
        reply = self.http.post("by lot", text(seeds, self.rng))
        is_good = reply.status in {200, 400} and b"INTERNAL_ERROR" not in reply.body
        self.expect(is_good, "an operation failed", reply)


class Pages(Reader):
    """Asks for what is not the graph."""

    pause_s = 0.5

    def step(self) -> None:
        """One page."""
        path = self.rng.choice(_PATHS)
        reply = self.http.ask("other pages", "GET", path, None, {})
        self.expect(reply.status == 200, path, reply)


READERS: tuple[type[Reader], ...] = (Plain, Getting, Compressed, Paging, Typed, AtRandom, Pages)
"""One of each kind."""
