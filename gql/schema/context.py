"""The context of a request: its viewer, its snapshot of the store, and its loaders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import strawberry

from gql.identity.viewer import Viewer
from gql.scheduler import Job
from store import DocumentWriter, Snapshot, StoreUnavailableError
from store.preview import ChangeSource

from .loaders import Loaders


@dataclass(frozen=True, slots=True)
class PageSizes:
    """The default and the largest size of a page.

    Attributes:
        default: The number of items if the client gives none.
        maximum: The largest number of items.
    """

    default: int = 20
    maximum: int = 100


DEFAULT_SIZES = PageSizes()


class Context:
    """The context of one request: it reads one snapshot, for one viewer.

    Attributes:
        snapshot: The snapshot.
        viewer: The viewer.
        page_sizes: The sizes of pages.
        resume_after: The Last-Event-ID of a client that reconnects; it overrides `after`.
        start_cursor: The cursor at which a subscription begins, for clients that resume from it;
            None if it begins with a GAP.
        writer: The writer of mutations; None where there are none.
        idempotency_key: The Idempotency-Key of the request.
        write_key: The key under which the writes of this request are recorded.
        has_written: Whether the request has written.
        job: The job that the scheduler gives time slices.
        selected: A memo of which fields are selected.
    """

    __slots__ = (
        "_loaders",
        "_source",
        "has_written",
        "idempotency_key",
        "job",
        "page_sizes",
        "resume_after",
        "selected",
        "snapshot",
        "start_cursor",
        "viewer",
        "write_key",
        "writer",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        viewer: Viewer,
        page_sizes: PageSizes = DEFAULT_SIZES,
        source: ChangeSource | None = None,
        job: Job | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.viewer = viewer
        self.page_sizes = page_sizes
        self.resume_after: str | None = None
        self.start_cursor: str | None = None
        self.writer: DocumentWriter | None = None
        self.idempotency_key: str | None = None
        self.write_key: str | None = None
        self.has_written = False
        self.job = job or Job()
        self.selected: dict[tuple[Any, ...], bool] = {}
        self._source = source
        self._loaders: Loaders | None = None

    @property
    def source(self) -> ChangeSource:
        """The source of changes. Raises: StoreUnavailableError: there is none."""
        if self._source is None:
            raise StoreUnavailableError("The history of changes cannot be read here.")
        return self._source

    def with_snapshot(self, snapshot: Snapshot) -> Context:
        """A context of the same request, over another snapshot."""
        job = Job(self.job.scheduler)
        return Context(snapshot, self.viewer, self.page_sizes, self._source, job)

    async def reload_snapshot(self) -> None:
        """Continue on the newest snapshot: later fields of a mutation see its writes."""
        if self.writer is not None:
            self.snapshot = await self.writer.snapshot()
            self._loaders = None

    @property
    def caller(self) -> bytes:
        """The caller: the identity of the key or token, with its rights."""
        return f"{self.viewer.id or ''}\n".encode() + self.viewer.permission_key

    @property
    def loaders(self) -> Loaders:
        """The loaders, made at their first use; compiled plans have their own."""
        if self._loaders is None:
            self._loaders = Loaders(self.snapshot, self.viewer.visibility)
        return self._loaders

    @property
    def version(self) -> bytes:
        """The version of the store's state for the viewer's visibility."""
        return self.snapshot.versions[self.viewer.visibility].encode()

    @property
    def rights(self) -> bytes:
        """A digest of the permissions: equal for viewers that see the same."""
        return self.viewer.permission_key


Info = strawberry.Info[Context, None]
