"""Events of translations: what a change means for the other articles of its group.

Where a filter has a chain of locales, a write of one translation may bring another into the list or
drop it. So the events of a change are those of its group: its own, then one for each other article.
Where a group is too large, all of its articles may have come into the list: then there is a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from store import Bookmark, Snapshot, Visibility
from store.engines.changes import affected_groups
from store.model import Article, Change
from store.querying.cursors import MEMBER_BYTES

OWN_EVENT = bytes(MEMBER_BYTES)
"""The member that stands for the changed article itself, whose event is the first."""


def member_token(id: str) -> bytes:
    """The token of an article in the cursors of its group's events, which it orders."""
    return blake2b(id.encode("utf-8", "replace"), digest_size=MEMBER_BYTES).digest()


class GroupMember(NamedTuple):
    """Another article of the group of a change, and its token."""

    token: bytes
    article: Article


class AffectedTranslations:
    """The articles that each change of a page of the history may have brought in or dropped.

    Attributes:
        by_group: The visible articles of all groups that a filter may need.
    """

    def __init__(self, by_group: Mapping[str, Sequence[Article]], visibility: Visibility) -> None:
        self.by_group = by_group
        self._visibility = visibility
        self._complete: set[str] = set()

    @classmethod
    async def load(
        cls,
        changes: Sequence[Change],
        articles: Sequence[Article | None],
        snapshot: Snapshot,
        visibility: Visibility,
    ) -> AffectedTranslations:
        """Load the groups of changes, and of these articles, as they are in a snapshot."""
        names = {name for change in changes for name in affected_groups(change, visibility)}
        names.update(article.translation_group for article in articles if article is not None)
        groups = await snapshot.translations(list(names), visibility)
        return cls(dict(zip(names, groups, strict=True)), visibility)

    def of(self, article: Article) -> Sequence[Article]:
        """The visible articles of an article's group, for `predicates.predicate`."""
        return self.by_group.get(article.translation_group, ())

    def is_lost(self, change: Change, article: Article | None) -> bool:
        """Whether a change brought an article into a group that is too large to tell of the others.

        `article`: the changed article as it is now, if the reader may see it.
        """
        if article is None:
            return False
        group = article.translation_group
        return group in affected_groups(change, self._visibility) and not self.by_group[group]

    def others(self, change: Change, after: bytes) -> list[GroupMember]:
        """The other articles that a change affects, after a member.

        A group is given once: it shows its state in the snapshot, which later changes led to.
        """
        members: dict[bytes, Article] = {}
        for name in affected_groups(change, self._visibility):
            if name in self._complete:
                continue
            if not after:
                self._complete.add(name)
            members.update((member_token(each.id), each) for each in self.by_group[name])
        members.pop(member_token(change.id), None)
        return [GroupMember(token, members[token]) for token in sorted(members) if token > after]


def member_positions(before: Bookmark, end: Bookmark, tokens: Sequence[bytes]) -> list[Bookmark]:
    """The position after each of a change's events: inside the change, but for the last.

    `before`, `end`: the positions before and after the change.
    """
    inside = [before._replace(member=token) for token in tokens[:-1]]
    return [*inside, end] if tokens else []
