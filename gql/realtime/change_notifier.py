"""The change notifier: one task waits for changes of the store, for all subscribers."""

from __future__ import annotations

import asyncio

from gql.logs import get_logger
from store import Repository, Snapshot, StoreError

RETRY_S = 1.0


class ChangeNotifier:
    """A `wait` that many subscribers share, over a repository that one task watches.

    No events are queued. Each subscriber reads the history from its own cursor, so a slow one takes
    no more memory.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._changed = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return await self._repository.snapshot()

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        while (snapshot := await self._repository.snapshot()).version == version:
            await self._changed.wait()
        return snapshot

    async def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait((self._watcher,))
            self._watcher = None

    async def _watch(self) -> None:
        log = get_logger()
        version, failure = "", ""
        while True:
            try:
                version = (await self._repository.wait(version)).version
            except StoreError as error:
                if str(error) != failure:  # else the log would have a line each second
                    failure = str(error)
                    log.warning("store_read_failed", reason=failure)
                await asyncio.sleep(RETRY_S)
                continue
            failure = ""
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
