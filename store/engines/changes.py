"""Changes: what a batch changes, with revisions, and how each visibility sees a change.

The rules for every engine with a history of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec

from store.errors import ConflictError
from store.model import Article, Change, ChangeKind, Visibility
from store.querying.cursors import TOKEN_BYTES, Bookmark
from store.querying.order_fields import micros
from store.repository import Batch, WriteKey

HISTORY_LIMIT = 10_000
"""The maximum length of the history of each visibility; older changes are a gap."""


class BatchResult(msgspec.Struct, frozen=True):
    """The result of a batch.

    Attributes:
        articles: id -> article, None for a deleted one.
        changes: one for each new revision, oldest first.
        revision: the last revision.
        unchanged: the no-op puts under an idempotency key, each at the article's revision.
    """

    articles: Mapping[str, Article | None]
    changes: tuple[Change, ...]
    revision: int
    unchanged: tuple[Change, ...] = ()


def apply_batch(
    batch: Batch, articles: Mapping[str, Article | None], revision: int, at: datetime
) -> BatchResult:
    """Apply a batch to a store at `revision`. `articles`: id -> article, None if missing.

    Raises: ConflictError: `expected` does not hold.
    """
    _check_expected(batch.expected, articles)
    after: dict[str, Article | None] = {}
    changes: list[Change] = []
    unchanged: list[Change] = []
    for article in batch.puts:
        before = after[article.id] if article.id in after else articles.get(article.id)
        key = batch.keys.get(article.id)
        if before is not None and _is_equal(before, article):
            if key is not None:
                unchanged.append(_change(before, ChangeKind.PUT, at, before, key))
            continue
        revision += 1
        only_secured = before is not None and _changes_only_secured(before, article)
        put = after[article.id] = msgspec.structs.replace(
            article,
            revision=revision,
            public_revision=_public_revision(before) if before and only_secured else 0,
        )
        change = _change(put, ChangeKind.PUT, at, before, key)
        changes.append(msgspec.structs.replace(change, only_secured=only_secured))
    for id in batch.deletes:
        before = after[id] if id in after else articles.get(id)
        if before is None:
            continue
        revision += 1
        after[id] = None
        deleted = msgspec.structs.replace(before, revision=revision, public_revision=0)
        changes.append(_change(deleted, ChangeKind.DELETE, at, before, batch.keys.get(id)))
    return BatchResult(after, tuple(changes), revision, tuple(unchanged))


def _check_expected(
    expected: Mapping[str, int | None], articles: Mapping[str, Article | None]
) -> None:
    for id, revision in expected.items():
        article = articles.get(id)
        current = article.revision if article else None
        if current != revision:
            now = f"is at revision {current}" if article else "is not there"
            then = "that it is not there" if revision is None else f"revision {revision}"
            raise ConflictError(
                f"The article {id} {now}; the writer expected {then}. Read it again and retry.",
                current=current,
                id=id,
            )


def _is_equal(before: Article, put: Article) -> bool:
    put = msgspec.structs.replace(
        put, revision=before.revision, public_revision=before.public_revision
    )
    # In Python True equals 1 and 1.0, but as JSON and as documents they differ.
    return before == put and msgspec.json.encode(before) == msgspec.json.encode(put)


def _changes_only_secured(before: Article, put: Article) -> bool:
    """Whether a put changes nothing but secured text."""
    return (
        before.published
        and before.secured != put.secured
        and _is_equal(before, msgspec.structs.replace(put, secured=before.secured))
    )


def _public_revision(article: Article) -> int:
    return article.public_revision or article.revision


def _change(
    article: Article, kind: ChangeKind, at: datetime, before: Article | None, key: WriteKey | None
) -> Change:
    """The change that brought an article to its revision."""
    group, former_group = article.translation_group, (before or article).translation_group
    keeps = kind is ChangeKind.PUT and before is not None and _keeps_translations(before, article)
    return Change(
        group=None if group == article.slug else group,
        former_group=None if former_group == group else former_group,
        keeps_translations=keeps,
        revision=article.revision,
        kind=kind,
        id=article.id,
        slug=article.slug,
        at=at,
        published=kind is ChangeKind.PUT and article.published,
        was_published=before is not None and before.published,
        key=key.name if key else None,
        request_step=key.request_step if key else "",
    )


def _keeps_translations(before: Article, put: Article) -> bool:
    one, other = (
        (each.translation_group, each.locale, each.published, each.published_date_time)
        for each in (before, put)
    )
    return one == other


def affected_groups(change: Change, visibility: Visibility) -> Sequence[str]:
    """The translation groups in which a change may change which article a chain of locales picks.

    None of them is that of a draft that the reader cannot see.
    """
    if change.keeps_translations:
        return ()
    group = change.group or change.slug
    is_visible_after = change.published or visibility is Visibility.ALL
    was_visible = change.was_published or visibility is Visibility.ALL
    after = [group] if is_visible_after else []
    before = [change.former_group or group] if was_visible else []
    return list(dict.fromkeys([*after, *before]))


def bookmark_of(change: Change) -> Bookmark:
    """The bookmark after a change; the same for every visibility."""
    text = f"{change.revision} {micros(change.at)} {change.id}"
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=TOKEN_BYTES)
    return Bookmark(change.revision, digest.digest())


def is_visible(change: Change, visibility: Visibility) -> bool:
    """Whether a reader sees a change."""
    if visibility is Visibility.ALL:
        return True
    if change.only_secured and visibility is Visibility.PUBLISHED:
        return False
    return change.published or change.was_published


def as_visible(change: Change, visibility: Visibility) -> Change:
    """A visible change as a reader sees it: an article that became a draft was deleted.

    It does not have the translation group of a draft that the reader cannot see.
    """
    if visibility is Visibility.ALL or (change.published and change.was_published):
        return change
    if change.published:
        return msgspec.structs.replace(change, former_group=None)
    group = change.former_group or change.group or change.slug
    return msgspec.structs.replace(
        change,
        kind=ChangeKind.DELETE,
        group=None if group == change.slug else group,
        former_group=None,
    )


def hidden_from(changes: Sequence[Change], *, has_topics: bool) -> tuple[Visibility, ...]:
    """The visibilities that see nothing of a write. `has_topics`: it changes the topic tree.

    Diagnostics are for readers of drafts only, so they do not count.
    """
    if has_topics:
        return ()
    return tuple(
        each
        for each in Visibility
        if each is not Visibility.ALL and not any(is_visible(change, each) for change in changes)
    )
