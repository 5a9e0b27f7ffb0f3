"""Group commit: writes that arrive while others are being flushed share the next flush.

A group locks the target once, flushes its files together and is one batch of the store. Its writes
do not conflict: no two change the same document, path or slug. A write that conflicts is deferred
to the next group and prepared again from the new state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from store.errors import OutcomeUnknownError, StoreError, clear_tracebacks

from .targets import WriteTarget
from .write_set import WriteSet

Prepare = Callable[[], Awaitable[WriteSet]]
"""Prepares a write from the present state. Called once or more, with the target locked."""

_MAX_GROUP_SIZE = 64
"""Large enough to share a flush, small enough that other processes get the lock soon."""


class _PendingWrite(NamedTuple):
    """A queued write. `done` gives its write set and the store's revision after its group."""

    prepare: Prepare
    conflict_key: str | None
    done: asyncio.Future[tuple[WriteSet, int]]


class GroupCommit:
    """Queues writes and commits them in groups."""

    def __init__(self, target: WriteTarget) -> None:
        self._target = target
        self._queue: list[_PendingWrite] = []
        self._leader: asyncio.Task[None] | None = None

    async def submit(
        self, prepare: Prepare, conflict_key: str | None = None
    ) -> tuple[WriteSet, int]:
        """Queue a write and wait until it is committed.

        Returns its write set, and the store's revision after its group. Writes with the same
        `conflict_key` never share a group. A cancelled caller does not cancel the write.
        Raises: as `prepare` and `WriteTarget.commit`.
        """
        pending = _PendingWrite(prepare, conflict_key, asyncio.get_running_loop().create_future())
        # Marks an exception as retrieved: the caller may have been cancelled.
        pending.done.add_done_callback(asyncio.Future.exception)
        self._queue.append(pending)
        if self._leader is None or self._leader.done():
            self._leader = asyncio.create_task(self._commit_groups())
        return await asyncio.shield(pending.done)

    async def _commit_groups(self) -> None:
        while self._queue:
            group = self._next_group()
            try:
                async with self._target.lock():
                    await self._prepare_and_commit(group)
            except Exception as error:  # noqa: BLE001  # raised in all callers
                for pending in group:
                    if not pending.done.done():
                        _fail(pending, error)

    def _next_group(self) -> list[_PendingWrite]:
        """Take the first queued writes, one for each conflict key."""
        group: list[_PendingWrite] = []
        remaining: list[_PendingWrite] = []
        conflict_keys: set[str] = set()
        for pending in self._queue:
            is_next = len(group) < _MAX_GROUP_SIZE and pending.conflict_key not in conflict_keys
            (group if is_next else remaining).append(pending)
            if pending.conflict_key is not None:
                conflict_keys.add(pending.conflict_key)
        self._queue = remaining
        return group

    async def _prepare_and_commit(self, group: Sequence[_PendingWrite]) -> None:
        prepared: list[tuple[_PendingWrite, WriteSet]] = []
        deferred: list[_PendingWrite] = []
        conflict_keys: set[str] = set()
        for pending in group:
            try:
                write = await pending.prepare()
            except Exception as error:  # noqa: BLE001  # raised in the caller
                _fail(pending, error)
                continue
            if conflict_keys & write.conflict_keys:
                deferred.append(pending)
            else:
                conflict_keys |= write.conflict_keys
                prepared.append((pending, write))
        if prepared:
            await self._commit(prepared)
        self._queue[:0] = deferred

    async def _commit(self, group: Sequence[tuple[_PendingWrite, WriteSet]]) -> None:
        try:
            revision = await self._target.commit(WriteSet.merge(write for _, write in group))
        except OutcomeUnknownError as error:  # no retry: the writes may have been applied
            for pending, _ in group:
                _fail(pending, error)
        except Exception as error:  # noqa: BLE001  # raised in the caller
            if len(group) == 1:
                _fail(group[0][0], error)
            for each in group if len(group) > 1 else ():  # retry alone: one failure stops no other
                await self._commit([each])
        else:
            for pending, write in group:
                pending.done.set_result((write, revision))


def _fail(pending: _PendingWrite, error: Exception) -> None:
    """Raise an error in the caller, without tracebacks: their frames keep all texts alive."""
    if isinstance(error, StoreError):
        clear_tracebacks(error)
    pending.done.set_exception(error)
