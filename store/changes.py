"""How a batch becomes changes with revisions, and how each reader sees those changes.

Every engine that keeps its own history follows these rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from .errors import ConflictError
from .model import Article, Change, ChangeKind, Visibility
from .repository import Batch, History

HISTORY_LIMIT = 10_000
"""How many changes an engine keeps; older ones are a gap to those who ask for them."""


class Outcome(msgspec.Struct, frozen=True):
    """What a batch does to the articles.

    `articles` maps ids to what is there afterwards, None where nothing is. `changes` are oldest
    first, one for each revision taken; `revision` is the last one.
    """

    articles: Mapping[str, Article | None]
    changes: tuple[Change, ...]
    revision: int


def outcome(
    batch: Batch, articles: Mapping[str, Article | None], revision: int, at: datetime
) -> Outcome:
    """What a batch does to `articles`, by id (None: not there), of a store at `revision`.

    Raises: ConflictError: `expected` does not hold.
    """
    _check_expected(batch.expected, articles)
    after: dict[str, Article | None] = {}
    changes: list[Change] = []
    for article in batch.puts:
        before = after[article.id] if article.id in after else articles.get(article.id)
        revision += 1
        put = msgspec.structs.replace(article, revision=revision)
        if before is not None and _same(before, put):
            revision -= 1
            continue
        after[article.id] = put
        key = batch.keys.get(article.id)
        changes.append(_change(put, ChangeKind.PUT, revision, at, before, key))
    for id in batch.deletes:
        before = after[id] if id in after else articles.get(id)
        if before is None:
            continue
        revision += 1
        after[id] = None
        key = batch.keys.get(id)
        changes.append(_change(before, ChangeKind.DELETE, revision, at, before, key))
    return Outcome(after, tuple(changes), revision)


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


def _change(  # noqa: PLR0913, PLR0917  # what a change says
    article: Article,
    kind: ChangeKind,
    revision: int,
    at: datetime,
    before: Article | None,
    key: str | None,
) -> Change:
    return Change(
        revision=revision,
        kind=kind,
        id=article.id,
        slug=article.slug,
        at=at,
        published=kind is ChangeKind.PUT and article.published,
        was_published=before is not None and before.published,
        key=key,
    )


def history(
    changes: Sequence[Change], revision: int, after: int, visibility: Visibility, limit: int
) -> History:
    """What followed the revision `after` in a store at `revision`, as a reader sees it.

    `changes` are the newest that are kept, oldest first, one for each revision. A revision that
    the store has not reached comes from another life of it: what lies between is a gap.
    """
    after = max(after, 0)
    first_kept = revision - len(changes) + 1
    seen = (_as_seen(each, visibility) for each in changes[max(0, after + 1 - first_kept) :])
    visible = list(islice((change for change in seen if change), limit + 1))
    has_next = len(visible) > limit
    shown = tuple(visible[:limit])
    return History(
        changes=shown,
        revision=(shown[-1].revision if shown else after) if has_next else revision,
        gap=after + 1 < first_kept or after > revision,
        has_next=has_next,
    )


def _as_seen(change: Change, visibility: Visibility) -> Change | None:
    """The change as this reader saw it, or None when nothing changed for them."""
    if visibility is Visibility.ALL or change.published:
        return change
    if not change.was_published:
        return None
    return msgspec.structs.replace(change, kind=ChangeKind.DELETE)
