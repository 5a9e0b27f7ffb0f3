"""What every resolver can reach: the viewer, one snapshot of the store, and batching loaders."""

from __future__ import annotations

from dataclasses import dataclass, field

import strawberry

from store import Snapshot

from ..viewer import Viewer
from .loaders import Loaders


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many items a list gives when the client does not say, and how many at the most."""

    default: int = 20
    maximum: int = 100


@dataclass(slots=True)
class Context:
    """One request: everything it reads comes from one snapshot and is seen by one viewer."""

    snapshot: Snapshot
    viewer: Viewer
    page_sizes: PageSizes = PageSizes()
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.snapshot, self.viewer.visibility)


Info = strawberry.Info[Context, None]
