"""Writers, who remember acknowledged writes, and an editor of the folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.names import article_id
from tests.soak.load_client import (
    INTERRUPTIONS,
    TIMEOUT_S,
    HttpClient,
    HttpResponse,
    LoadClient,
    SoakContext,
)
from tests.soak.servers import RestartableServer

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
class _ExpectedState:
    """The possible heats of an article; None means deleted.

    Attributes:
        acknowledged: The heat of the newest acknowledged write.
        unknown: The heats of later writes without a response.
    """

    acknowledged: int | None = None
    unknown: list[int | None] = field(default_factory=list)


class Writer(LoadClient):
    """Changes its own articles, one write after the other."""

    pause_s = 0.15

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(context, seed, server)
        slugs = [f"2026-01-02-soak-{seed}-{number}" for number in range(_ARTICLES)]
        self._states = {slug: _ExpectedState() for slug in slugs}
        self._number = 0

    def step(self) -> None:
        """One write; without a response, it may or may not be committed."""
        slug = self.rng.choice([*self._states])
        state = self._states[slug]
        self._number += 1
        if state.acknowledged is not None and self.rng.random() < _DELETED_SHARE:
            expected, query, input = None, _DELETE, {"id": article_id(slug)}
        else:
            expected, query, input = self._number, _PUT, self._fields(slug)
        state.unknown.append(expected)
        response = self._send(query, input)
        if response.status != 200:
            self.expect(False, "a write failed", response)
            return
        answer = response.json()
        [payload] = (answer.get("data") or {"": None}).values()
        is_valid = "errors" not in answer and payload and not payload["userErrors"]
        if not is_valid and state.unknown[:-1] and expected is None:
            self.recorder.count("deleted before")  # by a write whose answer was lost
            state.unknown.remove(expected)
            return
        self.expect(is_valid, "a write was refused", response)
        if is_valid:
            state.acknowledged, state.unknown = expected, []
            self.recorder.record_write(payload["cursor"], f"{slug} {expected}")

    def _fields(self, slug: str) -> dict[str, Any]:
        fields = {"slug": slug, "title": "A tide", "publishedDateTime": "2026-01-02"}
        return {
            **fields,
            "heat": self._number,
            "provider": {"name": "Soak", "domain": "soak.example"},
        }

    def _send(self, query: str, input: Mapping[str, Any]) -> HttpResponse:
        """The response of a write; some writes are retried with their idempotency key."""
        headers = {
            "authorization": f"Bearer {self.context.key}",
            "idempotency_key": uuid.uuid4().hex,
        }
        began = time.monotonic()
        deadline = began + TIMEOUT_S
        is_retried = self.rng.random() < 0.5
        while True:
            try:
                response = self.http.post("write", query, {"input": input}, **headers)
            except INTERRUPTIONS as error:
                if not is_retried or self.context.stop.is_set() or time.monotonic() > deadline:
                    raise
                self.handle_interruption(error, began)
            else:
                if response.status != 503 or not is_retried or time.monotonic() > deadline:
                    return response
                self.expect(False, "a write failed", response)
            time.sleep(0.2)
            began = time.monotonic()

    def lost(self) -> list[str]:
        """The articles that differ from the acknowledged writes, in words."""
        errors = []
        for server, articles in _articles(self.context, [*self._states]):
            for slug, state in self._states.items():
                heat = articles[slug] and articles[slug]["heat"]
                if heat not in [state.acknowledged, *state.unknown]:
                    errors.append(f"{slug} at {server.name}: {heat}, not {state}")
        return errors


class DocumentEditor(LoadClient):
    """Edits documents in the served folder."""

    pause_s = 1.0

    def __init__(
        self, context: SoakContext, seed: int, server: RestartableServer, folder: Path
    ) -> None:
        super().__init__(context, seed, server)
        self._folder = folder / "_news"
        self._edits: dict[str, int] = {}
        self._number = 0

    def step(self) -> None:
        """One edit, by a new file or in place."""
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
        self.recorder.count("hand edit")

    def lost(self) -> list[str]:
        """The documents that are not served as last saved, in words."""
        deadline = time.monotonic() + _CATCH_UP_S
        while (missing := self._missing()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return missing

    def _missing(self) -> list[str]:
        errors = []
        for server, articles in _articles(self.context, [*self._edits]):
            for slug, number in self._edits.items():
                title = articles[slug] and articles[slug]["title"]
                if title != f"Edit {number}":
                    errors.append(f"{slug} at {server.name}: {title}, not Edit {number}")
        return errors


def _articles(
    context: SoakContext, slugs: Sequence[str]
) -> Iterator[tuple[RestartableServer, dict[str, Any]]]:
    """The articles with these slugs at each server; None if one is missing."""
    for server in context.servers:
        http = HttpClient(server, context.recorder)
        responses = {slug: http.post("check", _ARTICLE, {"by": {"slug": slug}}) for slug in slugs}
        yield (
            server,
            {slug: response.json()["data"]["article"] for slug, response in responses.items()},
        )
        http.close()
