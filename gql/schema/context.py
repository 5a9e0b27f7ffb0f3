"""What every resolver can reach: the viewer, one snapshot of the store, and batching loaders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import strawberry

from gql.identity.viewer import Viewer
from gql.scheduler import Job
from store import DocumentWriter, Snapshot, StoreUnavailableError

from .loaders import Loaders


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many items a list gives when the client does not say, and how many at the most."""

    default: int = 20
    maximum: int = 100


DEFAULT_SIZES = PageSizes()


class ChangeSource(Protocol):
    """What following the store needs of a `Repository`."""

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        ...

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`."""
        ...


class Context:
    """One request: everything it reads comes from one snapshot and is seen by one viewer.

    `source` is what the history comes from; `resume_after` a cursor that stands above the one in
    the operation, from a client that lost its connection. `writer` is what mutations write with,
    `idempotency_key` the client's name for this request. `write_key` is what writes are found by
    when the request is sent again, `has_written` whether there were any. `job` gets the time slices
    in which it is executed. `selected` has what was looked up in selections.
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
        """Where the history comes from. Raises: StoreUnavailableError: nobody said where."""
        if self._source is None:
            raise StoreUnavailableError("The history of changes cannot be read here.")
        return self._source

    def renewed(self, snapshot: Snapshot) -> Context:
        """The same request over a newer state of the store."""
        job = Job(self.job.scheduler)
        return Context(snapshot, self.viewer, self.page_sizes, self._source, job)

    async def renew(self) -> None:
        """Go on over the store's newest state: what follows a write in a request sees it."""
        if self.writer is not None:
            self.snapshot = await self.writer.snapshot()
            self._loaders = None

    @property
    def caller(self) -> bytes:
        """Who asks, by the identity of the key or token, with which rights."""
        return f"{self.viewer.id or ''}\n".encode() + self.viewer.permission_key

    @property
    def loaders(self) -> Loaders:
        """Made when the first field needs them, which in a compiled plan none does."""
        if self._loaders is None:
            self._loaders = Loaders(self.snapshot, self.viewer.visibility)
        return self._loaders

    @property
    def version(self) -> bytes:
        """The name of the store's state, as the viewer sees it."""
        return self.snapshot.versions[self.viewer.visibility].encode()

    @property
    def rights(self) -> bytes:
        """The same for all who see the same of it."""
        return self.viewer.permission_key


Info = strawberry.Info[Context, None]
