"""One look-out for the store's news, however many wait for it."""

from __future__ import annotations

import asyncio

from gql.logs import get_logger
from store import History, Repository, Snapshot, StoreError, Visibility

RETRY_S = 1.0


class ChangeFeed:
    """A repository whose `wait` many may call at once, while only one task asks the repository.

    Nothing is kept for those who wait: each goes on from a cursor of its own and reads the history,
    so that what a subscriber costs does not grow with what it has missed.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._revision = 0
        self._news = asyncio.Event()
        self._lookout: asyncio.Task[None] | None = None

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return await self._repository.snapshot()

    async def changes(self, after: int, visibility: Visibility, limit: int = 1_000) -> History:
        """See `Repository`."""
        return await self._repository.changes(after, visibility, limit)

    async def wait(self, after: int) -> int:
        """See `Repository`."""
        if self._lookout is None:
            self._lookout = asyncio.create_task(self._look_out())
        while self._revision <= after:
            await self._news.wait()
        return self._revision

    async def close(self) -> None:
        """Look out no more."""
        if self._lookout is not None:
            self._lookout.cancel()
            await asyncio.wait((self._lookout,))
            self._lookout = None

    async def _look_out(self) -> None:
        log = get_logger()
        while True:
            try:
                self._revision = await self._repository.wait(self._revision)
            except StoreError as error:
                log.warning("store_not_followed", reason=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            news, self._news = self._news, asyncio.Event()
            news.set()
