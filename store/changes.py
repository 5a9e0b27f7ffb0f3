"""How a batch becomes changes with revisions, and how each reader sees those changes.

Every engine that keeps its own history follows these rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from .errors import ConflictError
from .model import Article, Change, ChangeKind, Visibility
from .repository import Batch, History

HISTORY_LIMIT = 10_000
"""How many changes an engine keeps; older ones are a gap to those who ask for them."""


class Outcome(msgspec.Struct, frozen=True):
    """What a batch does to the articles.

    `articles` maps ids to what is there afterwards, None where nothing is. `changes` are oldest
    first, one for each revision taken; `revision` is the last one. `unchanged` are the puts under a
    key that took none, each at the revision that the article has.
    """

    articles: Mapping[str, Article | None]
    changes: tuple[Change, ...]
    revision: int
    unchanged: tuple[Change, ...] = ()


def outcome(
    batch: Batch, articles: Mapping[str, Article | None], revision: int, at: datetime
) -> Outcome:
    """What a batch does to `articles`, by id (None: not there), of a store at `revision`.

    Raises: ConflictError: `expected` does not hold.
    """
    _check_expected(batch.expected, articles)
    after: dict[str, Article | None] = {}
    changes: list[Change] = []
    unchanged: list[Change] = []
    for article in batch.puts:
        before = after[article.id] if article.id in after else articles.get(article.id)
        key = batch.keys.get(article.id)
        if before is not None and _same(before, article):
            if key is not None:
                unchanged.append(_change(before, ChangeKind.PUT, at, before, key))
            continue
        revision += 1
        put = after[article.id] = msgspec.structs.replace(article, revision=revision)
        changes.append(_change(put, ChangeKind.PUT, at, before, key))
    for id in batch.deletes:
        before = after[id] if id in after else articles.get(id)
        if before is None:
            continue
        revision += 1
        after[id] = None
        gone = msgspec.structs.replace(before, revision=revision)
        changes.append(_change(gone, ChangeKind.DELETE, at, before, batch.keys.get(id)))
    return Outcome(after, tuple(changes), revision, tuple(unchanged))


def _check_expected(
    expected: Mapping[str, int | None], articles: Mapping[str, Article | None]
) -> None:
    for id, revision in expected.items():
        found = articles.get(id)
        current = found.revision if found else None
        if current != revision:
            now = f"is at revision {current}" if found else "is not there"
            then = "that it is not there" if revision is None else f"revision {revision}"
            raise ConflictError(
                f"The article {id} {now}; the writer expected {then}. Read it again and retry.",
                current=current,
            )


def _same(before: Article, put: Article) -> bool:
    put = msgspec.structs.replace(put, revision=before.revision)
    # In Python True equals 1 and 1.0, but as JSON and as documents they differ.
    return before == put and msgspec.json.encode(before) == msgspec.json.encode(put)


def _change(
    article: Article, kind: ChangeKind, at: datetime, before: Article | None, key: str | None
) -> Change:
    """What happened when an article came to its revision. `key`: with what was asked under it."""
    name, _, asked = (key or "").partition(".")
    return Change(
        revision=article.revision,
        kind=kind,
        id=article.id,
        slug=article.slug,
        at=at,
        published=kind is ChangeKind.PUT and article.published,
        was_published=before is not None and before.published,
        key=name or None,
        asked=asked,
    )


class Kept(NamedTuple):
    """The newest changes of a store at `revision`, oldest first, one for each revision."""

    changes: Sequence[Change]
    revision: int

    def history(
        self, after: int, visibility: Visibility, limit: int, at: datetime | None
    ) -> History:
        """What followed the revision `after`, which came `at` that time, as a reader sees it."""
        after = max(after, 0)
        first = max(0, after + 1 - self._first)
        seen = (_as_seen(each, visibility) for each in self.changes[first:])
        visible = list(islice((change for change in seen if change), limit + 1))
        has_next = len(visible) > limit
        shown = tuple(visible[:limit])
        revision = self.revision
        if has_next:
            revision = shown[-1].revision if shown else after
        return History(
            changes=shown,
            revision=revision,
            at=self._came_at(revision) if self._is_seen(revision, visibility) else None,
            gap=self._is_gap(after, at),
            has_next=has_next,
        )

    @property
    def _first(self) -> int:
        return self.revision - len(self.changes) + 1

    def _came_at(self, revision: int) -> datetime | None:
        return self.changes[revision - self._first].at if revision >= self._first else None

    def _is_seen(self, revision: int, visibility: Visibility) -> bool:
        """Whether a reader may know of this change; of a draft's, not even when it came."""
        if revision < self._first:
            return False
        return _as_seen(self.changes[revision - self._first], visibility) is not None

    def _is_gap(self, after: int, at: datetime | None) -> bool:
        """Whether a reader who knows all up to a revision may lack something.

        A revision that the store has not reached, or reached at another time, comes from another
        life of it, which ended when a backup was put back.
        """
        if after + 1 < self._first or after > self.revision:
            return True
        if at is None or not after or not self.changes:
            return False
        return self._came_at(after) != at


def _as_seen(change: Change, visibility: Visibility) -> Change | None:
    """The change as this reader saw it, or None when nothing changed for them."""
    if visibility is Visibility.ALL or change.published:
        return change
    if not change.was_published:
        return None
    return msgspec.structs.replace(change, kind=ChangeKind.DELETE)
