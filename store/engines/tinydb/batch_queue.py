"""A queue of batches: those that wait at a time are written as one group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from store.errors import StoreError
from store.repository import Batch

from .files.state import Result

WAKE = 2
"""How many writers hear of what became of their batches before others have their turn."""


class Request(NamedTuple):
    """A batch, and who waits for it.

    Attributes:
        batch: What is to be written.
        revision: Resolved with the store's revision after it, or with why it was not done.
    """

    batch: Batch
    revision: asyncio.Future[int]


class BatchQueue:
    """Batches that wait to be written, in the order in which they came."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._singly = 0

    @property
    def is_empty(self) -> bool:
        """Whether no batch waits."""
        return not self._requests

    def add(self, batch: Batch) -> asyncio.Future[int]:
        """Queue a batch. The future gives the revision after it, or raises why it was not done."""
        request = Request(batch, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        return request.revision

    def next_group(self) -> Sequence[Request]:
        """The first who wait: all of them, or one where a group has failed."""
        self._requests = [each for each in self._requests if not each.revision.done()]
        return self._requests[: 1 if self._singly else None]

    def retry_singly(self, group: Sequence[Request]) -> None:
        """Have the batches of a group, which failed together, come one by one."""
        self._singly = len(group)

    async def resolve(
        self, group: Sequence[Request], results: Sequence[Result | Exception]
    ) -> None:
        """Take the group that came last off the queue, and tell its writers what became of it."""
        self._singly = max(0, self._singly - 1)
        del self._requests[: len(group)]
        await _resolve(group, results)

    async def refuse(self, error: StoreError) -> None:
        """Tell all who wait that nothing was done."""
        group = self._requests
        self._requests = []
        await _resolve(group, [error] * len(group))


async def _resolve(group: Sequence[Request], results: Sequence[Result | Exception]) -> None:
    for number, ((_, revision), result) in enumerate(zip(group, results, strict=True), start=1):
        if revision.done():
            continue  # its writer has stopped waiting
        if isinstance(result, int):
            revision.set_result(result)
        else:
            revision.set_exception(result)
        if number % WAKE == 0:
            await asyncio.sleep(0)
