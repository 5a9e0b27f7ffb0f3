"""Previews: a snapshot for a reader who may see one draft besides what everyone sees.

The draft is in look-ups and in the history. It is in no list and no count, and all other drafts
stay hidden. Its provider and its topics exist for this reader as the draft names them, without
articles, where everyone else has none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from .engines.changes import as_visible, bookmark_of, is_visible
from .engines.memory_snapshot import MemorySnapshot
from .hosts import domain_key
from .model import Article, Change, Provider, Topic, Visibility
from .names import provider_id
from .querying.cursors import Bookmark
from .querying.query import LookupKey
from .repository import HistoryPage, Snapshot

_PAGE = 1_000


async def preview_snapshot(snapshot: Snapshot, id: str) -> Snapshot:
    """The snapshot for a reader who may see the article with this id, also as a draft."""
    [article] = await snapshot.get_many(LookupKey.ID, [id], Visibility.ALL)
    return cast("Snapshot", PreviewSnapshot(snapshot, id, article))


class ChangeSource(Protocol):
    """The part of `Repository` that gives the newest snapshots."""

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        ...

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`."""
        ...


class PreviewSource:
    """A source of the newest snapshots, for such a reader."""

    def __init__(self, source: ChangeSource, id: str) -> None:
        self._source = source
        self._id = id

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return await preview_snapshot(await self._source.snapshot(), self._id)

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`."""
        return await preview_snapshot(await self._source.wait(version), self._id)


class _VisibleChanges:
    """The changes that the reader of a preview sees, as far as they were read.

    Attributes:
        begin: The revision after which none is missing.
        changes: The changes, oldest first.
        end: The bookmark to continue from; None for the oldest change.
        has_next: Whether there may be more.
    """

    def __init__(self, begin: int, end: Bookmark | None) -> None:
        self.begin = begin
        self.changes: list[Change] = []
        self.end = end
        self.has_next = True

    def index_after(self, bookmark: Bookmark) -> int:
        """The index of the first change after a bookmark."""
        return bisect_right(self.changes, bookmark.revision, key=lambda change: change.revision)


class PreviewSnapshot:
    """A snapshot, and one draft; None if it was deleted. The interface is that of `Snapshot`."""

    def __init__(self, snapshot: Snapshot, id: str, draft: Article | None) -> None:
        self._snapshot = snapshot
        self._id = id
        self._draft = draft
        self._visible: dict[Visibility, _VisibleChanges] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    @property
    def versions(self) -> Mapping[Visibility, str]:
        """See `Snapshot`: they change with the draft, too."""
        versions = self._snapshot.versions
        revision = self._draft.revision if self._draft else 0
        return {each: f"{version} {revision}" for each, version in versions.items()}

    async def get_many(
        self, by: LookupKey, keys: Sequence[Any], visibility: Visibility
    ) -> list[Article | None]:
        """See `Snapshot`: where nothing is visible, the draft if the key means it.

        Other drafts do not count, so that none shows by hiding this one: two may have one slug.
        """
        visible = await self._snapshot.get_many(by, keys, visibility)
        hidden = [key for key, article in zip(keys, visible, strict=True) if article is None]
        if not hidden or self._draft is None:
            return visible
        alone = MemorySnapshot([self._draft], cursors=self._snapshot.cursors)
        drafts = dict(zip(hidden, await alone.get_many(by, hidden, Visibility.ALL), strict=True))
        return [article or drafts.get(key) for key, article in zip(keys, visible, strict=True)]

    async def providers(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Provider | None]:
        """See `Snapshot`: the draft's provider exists."""
        visible = await self._snapshot.providers(by, keys, visibility)
        if by is not LookupKey.DOMAIN or self._draft is None:
            return visible
        mention = self._draft.provider
        domain = domain_key(mention.domain)
        own = Provider(
            id=provider_id(domain), domain=domain, name=mention.name, images=mention.images
        )
        return [
            own if provider is None and domain_key(key) == domain else provider
            for key, provider in zip(keys, visible, strict=True)
        ]

    async def topics(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Topic | None]:
        """See `Snapshot`: the draft's topics exist."""
        visible = await self._snapshot.topics(by, keys, visibility)
        if by is not LookupKey.NAME or self._draft is None:
            return visible
        hidden = [
            key
            for key, topic in zip(keys, visible, strict=True)
            if topic is None and key in self._draft.topics
        ]
        if not hidden:
            return visible
        topics = await self._snapshot.topics(by, hidden, Visibility.ALL)
        own = {
            key: msgspec.structs.replace(
                topic,
                name=self._snapshot.topic_names.get(topic.slug, key),
                children=(),
                article_count=0,
            )
            for key, topic in zip(hidden, topics, strict=True)
            if topic is not None
        }
        return [topic or own.get(key) for key, topic in zip(keys, visible, strict=True)]

    async def newest_change(self, visibility: Visibility) -> Bookmark:
        """See `Snapshot`: the newest change of the draft or of what everyone sees."""
        newest = await self._snapshot.newest_change(visibility)
        if self._draft is None:
            return newest
        own = await self._snapshot.bookmark(self._own_revision(visibility))
        return max(newest, own, key=lambda bookmark: bookmark.revision)

    async def changes(
        self, after: Bookmark | None, visibility: Visibility, limit: int = 1_000
    ) -> HistoryPage:
        """See `Snapshot`: with the changes of the draft.

        From the oldest on, and after a bookmark that is not in the whole history, it is the page
        that everyone gets; a gap, if the draft has changed since such a bookmark. No hidden change
        shows in it, not even as a shorter page.
        """
        if after is None:
            return await self._snapshot.changes(None, visibility, limit)
        if self._draft is not None and after == await self.newest_change(visibility):
            # A follower is here at most of its wakes: hidden changes since then are not read again.
            return HistoryPage(changes=(), end=after)
        page = await self._snapshot.changes(after, Visibility.ALL, 0)
        if page.gap is not None:
            return await self._page_without_history(after, visibility, limit)
        visible = await self._changes_from(after, visibility)
        begin = visible.index_after(after)
        while visible.has_next and len(visible.changes) <= begin + limit:
            await self._read_page(visible, visibility)
            begin = visible.index_after(after)
        changes = tuple(visible.changes[begin : begin + limit])
        end = bookmark_of(changes[-1]) if changes else after
        return HistoryPage(changes=changes, end=end, has_next=len(visible.changes) > begin + limit)

    async def _changes_from(self, after: Bookmark, visibility: Visibility) -> _VisibleChanges:
        """The changes that the reader sees from a bookmark or an earlier one on, as far as read.

        A request may read many pages, so the changes are not read for each: from the first
        bookmark, and from the oldest change on if an earlier bookmark follows.
        """
        visible = self._visible.get(visibility)
        if visible is None:
            visible = _VisibleChanges(after.revision, after)
        elif visible.begin > after.revision:
            visible = _VisibleChanges(0, None)
            await self._read_page(visible, visibility)
            if visible.begin > after.revision:  # before the oldest change that is stored
                visible = _VisibleChanges(after.revision, after)
        self._visible[visibility] = visible
        return visible

    async def _read_page(self, visible: _VisibleChanges, visibility: Visibility) -> None:
        """Read more changes."""
        page = await self._snapshot.changes(visible.end, Visibility.ALL, _PAGE)
        if page.gap is not None:
            visible.begin = page.gap.revision
        visible.changes += [
            change if self._is_own(change) else as_visible(change, visibility)
            for change in page.changes
            if self._is_own(change) or is_visible(change, visibility)
        ]
        visible.end, visible.has_next = page.end, page.has_next

    async def _page_without_history(
        self, after: Bookmark, visibility: Visibility, limit: int
    ) -> HistoryPage:
        """The page where hidden changes have pushed the draft's out of the history."""
        page = await self._snapshot.changes(after, visibility, limit)
        if page.gap is not None or self._own_revision(visibility) <= after.revision:
            return page
        newest = await self.newest_change(visibility)
        return HistoryPage(changes=(), end=newest, gap=newest)

    def _own_revision(self, visibility: Visibility) -> int:
        """The revision of the draft's last change that the reader sees; 0 without a draft."""
        if self._draft is None:
            return 0
        if visibility is Visibility.PUBLISHED:  # secured text is not part of a preview
            return self._draft.public_revision or self._draft.revision
        return self._draft.revision

    def _is_own(self, change: Change) -> bool:
        """Whether the reader sees a change because of the preview, which shows no secured text."""
        return change.id == self._id and not change.only_secured
