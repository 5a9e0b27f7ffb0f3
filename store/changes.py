"""How a batch becomes changes with revisions, and how each reader sees those changes.

Every engine that keeps its own history follows these rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

import msgspec

from .cursors import START, TOKEN_BYTES, Bookmark
from .errors import ConflictError
from .model import Article, Change, ChangeKind, Visibility
from .order_fields import micros
from .recent import Recent
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


def bookmark_of(change: Change) -> Bookmark:
    """The place after a change; the same however a reader saw it."""
    text = f"{change.revision} {micros(change.at)} {change.id}"
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=TOKEN_BYTES)
    return Bookmark(change.revision, digest.digest())


class ChangeHistory(NamedTuple):
    """The newest changes of a store at `revision`, oldest first, one for each revision."""

    changes: Recent[Change] = Recent()
    revision: int = 0

    def and_then(self, changes: Sequence[Change], limit: int) -> ChangeHistory:
        """The history after these changes, of which no more than the limit are kept."""
        revision = changes[-1].revision if changes else self.revision
        return ChangeHistory(self.changes.and_then(changes, limit), revision)

    def since(self, after: Bookmark | None, visibility: Visibility, limit: int) -> History:
        """What followed a place, as a reader sees it; None: all that is kept. See `Snapshot`."""
        if after is None:
            return self._from_the_start(visibility, limit)
        if not self._holds(after):
            return self._gap_until_now(visibility)
        return self._part(after, visibility, limit)

    def bookmark(self, revision: int) -> Bookmark:
        """The place after the change of a revision, as far as that is kept."""
        if self._first <= revision <= self.revision:
            return bookmark_of(self.changes[revision - self._first])
        return Bookmark(revision)

    def newest(self, visibility: Visibility) -> Bookmark:
        """The place after the newest change that a reader may know of.

        It stays the same while only drafts are changed: who compares cursors learns nothing of
        them. Where none is kept of which the reader may know, it is the newest of all.
        """
        for change in reversed(self.changes):
            if _as_seen(change, visibility) is not None:
                return bookmark_of(change)
        return START if self._first == 1 else self.bookmark(self.revision)

    def _from_the_start(self, visibility: Visibility, limit: int) -> History:
        """All that is kept. What came before is a gap, up to the oldest change that is seen."""
        if self._first == 1:
            return self._part(START, visibility, limit)
        for change in self.changes:
            if _as_seen(change, visibility) is not None:
                oldest = bookmark_of(change)
                part = self._part(oldest, visibility, limit)
                return msgspec.structs.replace(part, gap=oldest)
        return self._gap_until_now(visibility)

    def _gap_until_now(self, visibility: Visibility) -> History:
        return History(changes=(), end=self.bookmark(self.revision), gap=self.newest(visibility))

    def _part(self, after: Bookmark, visibility: Visibility, limit: int) -> History:
        following = self.changes.since(after.revision + 1 - self._first)
        seen = (_as_seen(change, visibility) for change in following)
        found = list(islice((change for change in seen if change is not None), limit + 1))
        changes = tuple(found[:limit])
        has_next = len(found) > limit
        end = self.bookmark(self.revision)
        if has_next:
            end = bookmark_of(changes[-1]) if changes else after
        return History(changes=changes, end=end, has_next=has_next)

    @property
    def _first(self) -> int:
        return self.revision - len(self.changes) + 1

    def _holds(self, place: Bookmark) -> bool:
        """Whether a place is in this history, and nothing that followed it is missing.

        A revision that the store has not reached, or that stands for another change, comes from
        another life of it, which ended when a backup was restored.
        """
        is_kept = self._first - 1 <= place.revision <= self.revision
        return is_kept and place == self.bookmark(place.revision)


NO_CHANGES = ChangeHistory()
"""The history of a new store."""


def _as_seen(change: Change, visibility: Visibility) -> Change | None:
    """The change as this reader saw it, or None when nothing changed for them."""
    if visibility is Visibility.ALL or change.published:
        return change
    if not change.was_published:
        return None
    return msgspec.structs.replace(change, kind=ChangeKind.DELETE)
