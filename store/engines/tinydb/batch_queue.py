"""The queue for group commit: batches that wait at the same time are written as one group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from store.errors import StoreError
from store.repository import Batch

from .files.state import Result

WAKE_COUNT = 2
"""The number of writers that are woken before other tasks run."""


class QueuedBatch(NamedTuple):
    """A batch in the queue.

    Attributes:
        batch: The batch.
        revision: A future for the store's revision after it, or for the error.
    """

    batch: Batch
    revision: asyncio.Future[int]


class BatchQueue:
    """A first-in, first-out queue of batches, which are written in groups."""

    def __init__(self) -> None:
        self._queued: list[QueuedBatch] = []
        self._single_count = 0

    @property
    def is_empty(self) -> bool:
        """Whether no batch waits."""
        return not self._queued

    def add(self, batch: Batch) -> asyncio.Future[int]:
        """Queue a batch, and return a future for the revision after it."""
        queued = QueuedBatch(batch, asyncio.get_running_loop().create_future())
        self._queued.append(queued)
        return queued.revision

    def next_group(self) -> Sequence[QueuedBatch]:
        """The batches to write next: all, or the first one after `retry_singly`.

        They stay in the queue until `resolve`.
        """
        self._queued = [queued for queued in self._queued if not queued.revision.done()]
        return self._queued[: 1 if self._single_count else None]

    def retry_singly(self, group: Sequence[QueuedBatch]) -> None:
        """Have the batches of a group that failed retried one by one."""
        self._single_count = len(group)

    async def resolve(
        self, group: Sequence[QueuedBatch], results: Sequence[Result | Exception]
    ) -> None:
        """Remove the group that was returned last, and pass each result to its writer."""
        self._single_count = max(0, self._single_count - 1)
        del self._queued[: len(group)]
        await _resolve(group, results)

    async def refuse(self, error: StoreError) -> None:
        """Remove all batches, and raise an error in their writers."""
        group = self._queued
        self._queued = []
        await _resolve(group, [error] * len(group))


async def _resolve(group: Sequence[QueuedBatch], results: Sequence[Result | Exception]) -> None:
    for number, ((_, revision), result) in enumerate(zip(group, results, strict=True), start=1):
        if revision.done():
            continue  # its writer was cancelled
        if isinstance(result, int):
            revision.set_result(result)
        else:
            revision.set_exception(result)
        if number % WAKE_COUNT == 0:
            await asyncio.sleep(0)
