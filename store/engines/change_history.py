"""The change history of a store: its newest changes, for each visibility.

Each visibility has its own limit. So the start of the public history moves only with changes that
the public sees.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple

from store.collections.bounded_history import BoundedHistory
from store.model import Change, Visibility
from store.querying.cursors import Bookmark
from store.repository import HistoryPage

from .changes import as_visible, bookmark_of, is_visible


class VisibleChanges(NamedTuple):
    """The newest changes that one visibility sees, oldest first.

    Attributes:
        changes: the changes as stored; `as_visible` gives them as a reader sees them.
        complete_from: the first revision from which on no change is missing.
    """

    changes: BoundedHistory[Change] = BoundedHistory()
    complete_from: int = 1

    def extended(self, changes: Sequence[Change], limit: int) -> VisibleChanges:
        """The next version: with these changes appended, cut to the limit."""
        dropped = len(self.changes) + len(changes) - limit
        complete_from = self.complete_from
        if dropped > 0:
            excess = dropped - len(self.changes)
            last = self.changes[dropped - 1] if excess <= 0 else changes[excess - 1]
            complete_from = last.revision + 1
        return VisibleChanges(self.changes.extended(changes, limit), complete_from)

    @property
    def start(self) -> Bookmark:
        """The bookmark before the oldest change."""
        return Bookmark(self.complete_from - 1)

    @property
    def oldest(self) -> tuple[Bookmark, datetime | None]:
        """The bookmark after the oldest change, and the time of that change."""
        if not self.changes:
            return self.start, None
        return bookmark_of(self.changes[0]), self.changes[0].at

    @property
    def newest(self) -> Bookmark:
        """The bookmark after the newest change."""
        return bookmark_of(self.changes[-1]) if self.changes else self.start

    def index_after(self, bookmark: Bookmark) -> int | None:
        """The index of the first change after a bookmark; None if it is not in this history.

        A bookmark of an unknown revision or of another change is of another history: the one that
        ended when a backup was restored.
        """
        if self.changes and bookmark == self.newest:
            return len(self.changes)
        if bookmark == self.start:
            return 0
        index = bisect_left(self.changes, bookmark.revision, key=lambda change: change.revision)
        if index < len(self.changes) and bookmark_of(self.changes[index]) == bookmark:
            return index + 1
        return None


class ChangeHistory:
    """The newest changes of a store for each visibility.

    Attributes:
        revision: the revision of the store.
    """

    __slots__ = ("_by_visibility", "revision")

    def __init__(
        self, seen: Mapping[Visibility, VisibleChanges] | None = None, revision: int = 0
    ) -> None:
        self._by_visibility = seen or dict.fromkeys(Visibility, VisibleChanges())
        self.revision = revision

    @classmethod
    def of(
        cls,
        changes: Iterable[Change],
        complete_from: Mapping[Visibility, int],
        revision: int,
    ) -> ChangeHistory:
        """Restore a history from its `all_changes` and `complete_from`.

        A file of an earlier format has no `complete_from`: it has one change for each revision.
        """
        ordered = sorted(changes, key=lambda change: change.revision)
        first = ordered[0].revision if ordered else revision + 1
        seen = {}
        for each in Visibility:
            begin = complete_from.get(each, first)
            visible = (c for c in ordered if c.revision >= begin and is_visible(c, each))
            seen[each] = VisibleChanges(BoundedHistory(visible), begin)
        return cls(seen, revision)

    def extended(self, changes: Sequence[Change], limit: int) -> ChangeHistory:
        """The next version: with these changes appended, cut to the limit for each visibility."""
        if not changes:
            return self
        seen = {}
        for each, before in self._by_visibility.items():
            new = [change for change in changes if is_visible(change, each)]
            seen[each] = before.extended(new, limit) if new else before
        return ChangeHistory(seen, changes[-1].revision)

    @property
    def changes(self) -> BoundedHistory[Change]:
        """The newest changes of all, one for each revision."""
        return self._by_visibility[Visibility.ALL].changes

    def all_changes(self) -> Iterator[Change]:
        """The changes of all visibilities, oldest first."""
        first = self.changes[0].revision if self.changes else self.revision + 1
        older = {
            change.revision: change
            for seen in self._by_visibility.values()
            for change in takewhile(lambda each: each.revision < first, seen.changes)
        }
        yield from (older[revision] for revision in sorted(older))
        yield from self.changes

    @property
    def complete_from(self) -> Mapping[Visibility, int]:
        """By visibility, the first revision from which on no visible change is missing."""
        return {each: seen.complete_from for each, seen in self._by_visibility.items()}

    def since(self, after: Bookmark | None, visibility: Visibility, limit: int) -> HistoryPage:
        """The changes after a bookmark, as a reader sees them; None: from the oldest. See
        `Snapshot`.
        """
        seen = self._by_visibility[visibility]
        gap, gap_at = None, None
        if after is None:
            after = seen.start
            if seen.complete_from > 1:
                after, gap_at = seen.oldest
                gap = after
        index = seen.index_after(after)
        if index is None:
            at = seen.changes[-1].at if seen.changes else None
            return HistoryPage(changes=(), end=seen.newest, gap=seen.newest, gap_at=at)
        following = islice(seen.changes.iter_from(index), limit + 1)
        visible = [as_visible(change, visibility) for change in following]
        changes = tuple(visible[:limit])
        has_next = len(visible) > limit
        end = seen.newest
        if has_next:
            end = bookmark_of(changes[-1]) if changes else after
        return HistoryPage(changes=changes, end=end, gap=gap, gap_at=gap_at, has_next=has_next)

    def bookmark(self, revision: int) -> Bookmark:
        """The bookmark after the change of a revision, without a token if that is not stored."""
        changes = self.changes
        index = bisect_left(changes, revision, key=lambda change: change.revision)
        if index < len(changes) and changes[index].revision == revision:
            return bookmark_of(changes[index])
        return Bookmark(revision)

    def newest(self, visibility: Visibility) -> Bookmark:
        """The bookmark after the newest visible change."""
        return self._by_visibility[visibility].newest


EMPTY_HISTORY = ChangeHistory()
"""The history of a new store."""
