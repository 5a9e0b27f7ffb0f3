"""Writers, who keep account of what was acknowledged; and a person who edits the folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.names import article_id
from tests.soak.client import INTERRUPTIONS, TIMEOUT_S, Actor, Http, Reply, World
from tests.soak.servers import Server

_PUT = (
    "mutation ($input: PutArticleInput!) { putArticle(input: $input)"
    " { article { heat } userErrors { code } cursor } }"
)
_DELETE = (
    "mutation ($input: DeleteArticleInput!) { deleteArticle(input: $input)"
    " { deletedId userErrors { code } cursor } }"
)
_ARTICLE = "query ($by: ArticleBy!) { article(by: $by) { heat title } }"
_ARTICLES = 5
_DELETED_SHARE = 0.05
_CATCH_UP_S = 30


@dataclass
class _State:
    """What an article's heat may be: None where it is deleted.

    Attributes:
        acknowledged: What the newest acknowledged write made it.
        unknown: What later writes would have made it whose answers were lost.
    """

    acknowledged: int | None = None
    unknown: list[int | None] = field(default_factory=list)


class Writer(Actor):
    """Changes articles of its own, one write after the other."""

    pause_s = 0.15

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(world, seed, server)
        slugs = [f"2026-01-02-soak-{seed}-{number}" for number in range(_ARTICLES)]
        self._states = {slug: _State() for slug in slugs}
        self._number = 0

    def step(self) -> None:
        """One write; where its answer is lost, it may or may not have been done."""
        slug = self.rng.choice([*self._states])
        state = self._states[slug]
        self._number += 1
        if state.acknowledged is not None and self.rng.random() < _DELETED_SHARE:
            wanted, query, input = None, _DELETE, {"id": article_id(slug)}
        else:
            wanted, query, input = self._number, _PUT, self._fields(slug)
        state.unknown.append(wanted)
        reply = self._sent(query, input)
        if reply.status != 200:
            self.expect(False, "a write failed", reply)
            return
        answer = reply.json()
        [payload] = (answer.get("data") or {"": None}).values()
        is_good = "errors" not in answer and payload and not payload["userErrors"]
        if not is_good and state.unknown[:-1] and wanted is None:
            self.ledger.count("deleted before")  # by a write whose answer was lost
            state.unknown.remove(wanted)
            return
        self.expect(is_good, "a write was refused", reply)
        if is_good:
            state.acknowledged, state.unknown = wanted, []
            self.ledger.acknowledged(payload["cursor"], f"{slug} {wanted}")

    def _fields(self, slug: str) -> dict[str, Any]:
        fields = {"slug": slug, "title": "A tide", "publishedDateTime": "2026-01-02"}
        return {
            **fields,
            "heat": self._number,
            "provider": {"name": "Soak", "domain": "soak.example"},
        }

    def _sent(self, query: str, input: Mapping[str, Any]) -> Reply:
        """The answer; where it was lost, the write is sent again under its key."""
        headers = {"authorization": f"Bearer {self.world.key}", "idempotency_key": uuid.uuid4().hex}
        began = time.monotonic()
        deadline = began + TIMEOUT_S
        again = self.rng.random() < 0.5
        while True:
            try:
                reply = self.http.post("write", query, {"input": input}, **headers)
            except INTERRUPTIONS as error:
                if not again or self.world.ends.is_set() or time.monotonic() > deadline:
                    raise
                self.interrupted(error, began)
            else:
                if reply.status != 503 or not again or time.monotonic() > deadline:
                    return reply
                self.expect(False, "a write failed", reply)
            time.sleep(0.2)
            began = time.monotonic()

    def lost(self) -> list[str]:
        """The articles that are not as the acknowledged writes made them, in words."""
        found = []
        for server, articles in _articles(self.world, [*self._states]):
            for slug, state in self._states.items():
                heat = articles[slug] and articles[slug]["heat"]
                if heat not in [state.acknowledged, *state.unknown]:
                    found.append(f"{slug} at {server.name}: {heat}, not {state}")
        return found


class Editor(Actor):
    """A person who edits documents in the served folder."""

    pause_s = 1.0

    def __init__(self, world: World, seed: int, server: Server, folder: Path) -> None:
        super().__init__(world, seed, server)
        self._folder = folder / "_news"
        self._edits: dict[str, int] = {}
        self._number = 0

    def step(self) -> None:
        """One edit, saved as most editors do or in place."""
        self._number += 1
        slug = f"2026-01-02-edited-{self.rng.randrange(_ARTICLES)}"
        text = (
            f"---\ntitle: Edit {self._number}\npublishedDateTime: 2026-01-02\n"
            f"provider: {{name: Hand, domain: hand.example}}\n---\nEdit {self._number}.\n"
        )
        file = self._folder / f"{slug}.md"
        if self.rng.random() < 0.5:
            new = file.with_name(f".{file.name}.tmp")
            new.write_text(text, encoding="utf-8")
            new.replace(file)
        else:
            file.write_text(text, encoding="utf-8")
        self._edits[slug] = self._number
        self.ledger.count("edit by hand")

    def lost(self) -> list[str]:
        """The documents that are not served as they were last saved, in words."""
        deadline = time.monotonic() + _CATCH_UP_S
        while (missing := self._missing()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return missing

    def _missing(self) -> list[str]:
        found = []
        for server, articles in _articles(self.world, [*self._edits]):
            for slug, number in self._edits.items():
                title = articles[slug] and articles[slug]["title"]
                if title != f"Edit {number}":
                    found.append(f"{slug} at {server.name}: {title}, not Edit {number}")
        return found


def _articles(world: World, slugs: Sequence[str]) -> Iterator[tuple[Server, dict[str, Any]]]:
    """What each server says of some articles, None where one is not there."""
    for server in world.servers:
        http = Http(server, world.ledger)
        replies = {slug: http.post("check", _ARTICLE, {"by": {"slug": slug}}) for slug in slugs}
        yield server, {slug: reply.json()["data"]["article"] for slug, reply in replies.items()}
        http.close()
