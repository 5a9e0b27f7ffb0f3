"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from store import Visibility

from .errors import ForbiddenError


class Scope(StrEnum):
    """A right that a viewer has or lacks."""

    READ_DRAFTS = "READ_DRAFTS"
    READ_SECURED = "READ_SECURED"


@dataclass(frozen=True, slots=True)
class Viewer:
    """The one for whom a request is answered; without scopes, the public."""

    scopes: AbstractSet[Scope] = frozenset()

    @property
    def visibility(self) -> Visibility:
        """Which articles this viewer may see."""
        return Visibility.ALL if Scope.READ_DRAFTS in self.scopes else Visibility.PUBLISHED

    def require(self, scope: Scope, what: str) -> None:
        """Raise ForbiddenError unless the viewer has this scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"{what} needs the scope {scope}, which this request does not have. "
                "For a local preview, start the server with --drafts."
            )


PUBLIC = Viewer()
PREVIEW = Viewer(frozenset(Scope))
"""Sees everything: for a person at the machine itself."""
