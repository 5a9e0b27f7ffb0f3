"""The history of a store: its newest changes, for readers of each visibility their own.

Each visibility has its own limit, so that the beginning of what the public may read, and every
place in it, moves only with changes that the public sees.
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
    """The newest changes that readers of one visibility see, oldest first.

    Attributes:
        changes: As they happened; `as_visible` tells how such a reader saw them.
        complete_from: The revision from which on none of theirs is missing.
    """

    changes: BoundedHistory[Change] = BoundedHistory()
    complete_from: int = 1

    def extended(self, changes: Sequence[Change], limit: int) -> VisibleChanges:
        """The same with these behind them, of which no more than the limit are kept."""
        dropped = len(self.changes) + len(changes) - limit
        complete_from = self.complete_from
        if dropped > 0:
            late = dropped - len(self.changes)
            last = self.changes[dropped - 1] if late <= 0 else changes[late - 1]
            complete_from = last.revision + 1
        return VisibleChanges(self.changes.extended(changes, limit), complete_from)

    @property
    def start(self) -> Bookmark:
        """The place before the oldest change that is kept."""
        return Bookmark(self.complete_from - 1)

    @property
    def oldest(self) -> tuple[Bookmark, datetime | None]:
        """The place after the oldest change that is kept, and when that came."""
        if not self.changes:
            return self.start, None
        return bookmark_of(self.changes[0]), self.changes[0].at

    @property
    def newest(self) -> Bookmark:
        """The place after the newest change."""
        return bookmark_of(self.changes[-1]) if self.changes else self.start

    def index_after(self, place: Bookmark) -> int | None:
        """How many of the changes lie before a place; None: it is not in this history.

        A revision that was never seen, or that stands for another change, comes from another life
        of the store, which ended when a backup was restored.
        """
        if self.changes and place == self.newest:
            return len(self.changes)
        if place == self.start:
            return 0
        index = bisect_left(self.changes, place.revision, key=lambda change: change.revision)
        if index < len(self.changes) and bookmark_of(self.changes[index]) == place:
            return index + 1
        return None


class ChangeHistory:
    """The newest changes of a store at `revision`, for readers of each visibility."""

    __slots__ = ("_seen", "revision")

    def __init__(
        self, seen: Mapping[Visibility, VisibleChanges] | None = None, revision: int = 0
    ) -> None:
        self._seen = seen or dict.fromkeys(Visibility, VisibleChanges())
        self.revision = revision

    @classmethod
    def of(
        cls,
        changes: Iterable[Change],
        complete_from: Mapping[Visibility, int],
        revision: int,
    ) -> ChangeHistory:
        """The history of these changes, as `all_changes` and `complete_from` gave them.

        A store of a former version says nothing of where they are complete: they are one for each
        revision, the newest of all.
        """
        ordered = sorted(changes, key=lambda change: change.revision)
        first = ordered[0].revision if ordered else revision + 1
        seen = {}
        for each in Visibility:
            begin = complete_from.get(each, first)
            parts = (c for c in ordered if c.revision >= begin and is_visible(c, each))
            seen[each] = VisibleChanges(BoundedHistory(parts), begin)
        return cls(seen, revision)

    def extended(self, changes: Sequence[Change], limit: int) -> ChangeHistory:
        """The history after these changes; of each visibility no more than the limit are kept."""
        if not changes:
            return self
        seen = {}
        for each, before in self._seen.items():
            new = [change for change in changes if is_visible(change, each)]
            seen[each] = before.extended(new, limit) if new else before
        return ChangeHistory(seen, changes[-1].revision)

    @property
    def changes(self) -> BoundedHistory[Change]:
        """The newest of all, one for each revision."""
        return self._seen[Visibility.ALL].changes

    def all_changes(self) -> Iterator[Change]:
        """All changes that are kept for any reader, oldest first."""
        first = self.changes[0].revision if self.changes else self.revision + 1
        older = {
            change.revision: change
            for seen in self._seen.values()
            for change in takewhile(lambda each: each.revision < first, seen.changes)
        }
        yield from (older[revision] for revision in sorted(older))
        yield from self.changes

    @property
    def complete_from(self) -> Mapping[Visibility, int]:
        """From which revision on no change is missing that readers of a visibility see."""
        return {each: seen.complete_from for each, seen in self._seen.items()}

    def since(self, after: Bookmark | None, visibility: Visibility, limit: int) -> HistoryPage:
        """What followed a place, as a reader sees it; None: all that is kept. See `Snapshot`."""
        seen = self._seen[visibility]
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
        found = islice(seen.changes.iter_from(index), limit + 1)
        told = [as_visible(change, visibility) for change in found]
        changes = tuple(told[:limit])
        has_next = len(told) > limit
        end = seen.newest
        if has_next:
            end = bookmark_of(changes[-1]) if changes else after
        return HistoryPage(changes=changes, end=end, gap=gap, gap_at=gap_at, has_next=has_next)

    def bookmark(self, revision: int) -> Bookmark:
        """The place after the change of a revision, as far as that is kept."""
        changes = self.changes
        index = bisect_left(changes, revision, key=lambda change: change.revision)
        if index < len(changes) and changes[index].revision == revision:
            return bookmark_of(changes[index])
        return Bookmark(revision)

    def newest(self, visibility: Visibility) -> Bookmark:
        """The place after the newest change that a reader may know of."""
        return self._seen[visibility].newest


EMPTY_HISTORY = ChangeHistory()
"""The history of a new store."""
