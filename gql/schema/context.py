"""What every resolver can reach: the viewer, one snapshot of the store, and batching loaders."""

from __future__ import annotations

from dataclasses import dataclass

import strawberry

from store import Snapshot

from ..viewer import Viewer
from .loaders import Loaders


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many items a list gives when the client does not say, and how many at the most."""

    default: int = 20
    maximum: int = 100


DEFAULT_SIZES = PageSizes()


class Context:
    """One request: everything it reads comes from one snapshot and is seen by one viewer."""

    __slots__ = ("_loaders", "page_sizes", "snapshot", "viewer")

    def __init__(
        self, snapshot: Snapshot, viewer: Viewer, page_sizes: PageSizes = DEFAULT_SIZES
    ) -> None:
        self.snapshot = snapshot
        self.viewer = viewer
        self.page_sizes = page_sizes
        self._loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """Made when the first field needs them, which in a compiled plan none does."""
        if self._loaders is None:
            self._loaders = Loaders(self.snapshot, self.viewer.visibility)
        return self._loaders

    @property
    def version(self) -> bytes:
        """The name of the store's state."""
        return self.snapshot.version.encode()

    @property
    def rights(self) -> bytes:
        """The same for all who see the same of it."""
        return self.viewer.mark


Info = strawberry.Info[Context, None]
