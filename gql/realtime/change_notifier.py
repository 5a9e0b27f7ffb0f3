"""One look-out for the store's news, however many wait for it."""

from __future__ import annotations

import asyncio

from gql.logs import get_logger
from store import Repository, Snapshot, StoreError

RETRY_S = 1.0


class ChangeFeed:
    """A repository whose `wait` many may call at once, while only one task asks the repository.

    Nothing is kept for those who wait: each goes on from a cursor of its own and reads the history,
    so that what a subscriber costs does not grow with what it has missed.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._news = asyncio.Event()
        self._lookout: asyncio.Task[None] | None = None

    async def snapshot(self) -> Snapshot:
        """See `Repository`."""
        return await self._repository.snapshot()

    async def wait(self, version: str) -> Snapshot:
        """See `Repository`."""
        if self._lookout is None:
            self._lookout = asyncio.create_task(self._look_out())
        while (snapshot := await self._repository.snapshot()).version == version:
            await self._news.wait()
        return snapshot

    async def close(self) -> None:
        """Look out no more."""
        if self._lookout is not None:
            self._lookout.cancel()
            await asyncio.wait((self._lookout,))
            self._lookout = None

    async def _look_out(self) -> None:
        log = get_logger()
        version, failure = "", ""
        while True:
            try:
                version = (await self._repository.wait(version)).version
            except StoreError as error:
                if str(error) != failure:  # else the log would have a line each second
                    failure = str(error)
                    log.warning("store_not_followed", reason=failure)
                await asyncio.sleep(RETRY_S)
                continue
            failure = ""
            news, self._news = self._news, asyncio.Event()
            news.set()
