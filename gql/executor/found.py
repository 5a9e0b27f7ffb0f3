"""What a request that comes again found in a state of the store: names of results, not results.

Thus nothing is kept longer for being remembered here, and the store need not be asked again.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

from .alongside import Buffer
from .fragments import DocumentFragments, Key, PageKey
from .plan import ConnectionPlan
from .render import Lists


class FoundDocument(NamedTuple):
    """The document that the only look-up of an operation led to."""

    version: str
    kept: weakref.ref[DocumentFragments]
    key: Key

    def pieces(self) -> Sequence[Buffer] | None:
        """The JSON of its result, if that is still kept."""
        kept = self.kept()
        entry = None if kept is None else kept.at(self.version).get(self.key)
        return None if entry is None else (entry.json,)


class FoundPage(NamedTuple):
    """The page that the only list of an operation showed, what was around it, and its parts.

    Another page may come to have the same id, but not the same text around it: this one is held on
    to. As long as it is kept there, so are the page and its list, and the keys of the parts hold.
    """

    version: str
    plan: weakref.ref[ConnectionPlan]
    page_id: int
    around: bytes
    parts: Sequence[PageKey]

    def pieces(self) -> Sequence[Buffer] | None:
        """The JSON of the connection, if all of it is still kept."""
        plan = self.plan()
        found = None if plan is None else plan.kept(self.version, self.page_id, self.parts)
        if found is None or found[0].json is not self.around:
            return None
        return Lists(found[1]).fill(self.around)
