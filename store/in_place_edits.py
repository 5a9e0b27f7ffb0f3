"""Edits in place: writes after which articles stand where they stood, under the same terms.

They change what an article says and nothing that leads to it: no date, no visibility, no address,
no provider and no topic. So readers who keep what they have read need only forget the articles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .names import new_version

MAX_EDITS = 64
"""How many edits are told apart; who has read nothing since forgets all."""

MAX_EDITED = 1_000
"""How many articles they may have edited together."""


class InPlaceEdits:
    """The newest edits in place that led to a state of the store.

    It holds ids and no articles, so that no older state is kept for it.

    Attributes:
        structure_version: a name for all that edits in place leave as it is. Where two are equal,
            every look-up finds the same document, and every provider, topic and link is the same.
    """

    __slots__ = ("_newest", "structure_version")

    def __init__(
        self, structure_version: str | None = None, newest: tuple[_Edit, ...] = ()
    ) -> None:
        self.structure_version = structure_version or new_version()
        self._newest = newest

    def extended(self, version: str, ids: Iterable[str]) -> InPlaceEdits:
        """The same with an edit of these articles, of the state that has this version."""
        edits = [*self._newest, _Edit(version, frozenset(ids))][-MAX_EDITS:]
        left = MAX_EDITED
        for number in range(len(edits) - 1, -1, -1):
            left -= len(edits[number].ids)
            if left < 0:
                return InPlaceEdits(self.structure_version, tuple(edits[number + 1 :]))
        return InPlaceEdits(self.structure_version, tuple(edits))

    def since(self, version: str) -> frozenset[str] | None:
        """The ids of the articles that differ from the state that has this version.

        None where more may differ: another kind of write came since, or the state is not known.
        """
        edits = self._newest
        for number in range(len(edits) - 1, -1, -1):
            if edits[number].version == version:
                return frozenset().union(*[edit.ids for edit in edits[number:]])
        return None


class _Edit(NamedTuple):
    """An edit in place: the version of the state before it, and the ids of its articles."""

    version: str
    ids: frozenset[str]
