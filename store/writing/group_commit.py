"""Writes in groups: those that come while others are on their way to the disk go there together.

A group has one turn with the place, whose files are flushed together, and one batch of the store.
In it are writes of which no two change the same document, path or slug; what would meet another
waits for the next group, and is then made from what that one has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from store.errors import OutcomeUnknownError, StoreError, clear_tracebacks

from .targets import WriteSet, WriteTarget

Prepare = Callable[[], Awaitable[WriteSet]]
"""Makes a write of what is there now. Is called in a turn, once or more; raises what refuses it."""

_MAX_GROUP_SIZE = 64
"""How many writes are a group: so many that flushing is shared, so few that others get a turn."""


class _PendingWrite(NamedTuple):
    prepare: Prepare
    conflict_key: str | None
    done: asyncio.Future[tuple[WriteSet, int]]


class GroupCommit:
    """Does what it is asked for, as many at a time as are waiting."""

    def __init__(self, place: WriteTarget) -> None:
        self._target = place
        self._queue: list[_PendingWrite] = []
        self._leader: asyncio.Task[None] | None = None

    async def submit(
        self, prepare: Prepare, conflict_key: str | None = None
    ) -> tuple[WriteSet, int]:
        """Do a write; what was written, and the store's revision after its group.

        `conflict_key`: what it changes, as far as that is known now. It is done also if the
        caller does not wait for it. Raises: what `prepare` and `WriteTarget.commit` raise.
        """
        pending = _PendingWrite(prepare, conflict_key, asyncio.get_running_loop().create_future())
        pending.done.add_done_callback(asyncio.Future.exception)  # whoever asked may be gone
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
            except Exception as error:  # noqa: BLE001  # told to those who wait
                for pending in group:
                    if not pending.done.done():
                        _fail(pending, error)

    def _next_group(self) -> list[_PendingWrite]:
        """The first who wait, one for each thing that it is about."""
        group: list[_PendingWrite] = []
        remaining: list[_PendingWrite] = []
        conflict_key: set[str] = set()
        for pending in self._queue:
            is_next = len(group) < _MAX_GROUP_SIZE and pending.conflict_key not in conflict_key
            (group if is_next else remaining).append(pending)
            if pending.conflict_key is not None:
                conflict_key.add(pending.conflict_key)
        self._queue = remaining
        return group

    async def _prepare_and_commit(self, group: Sequence[_PendingWrite]) -> None:
        prepared: list[tuple[_PendingWrite, WriteSet]] = []
        deferred: list[_PendingWrite] = []
        names: set[str] = set()
        for pending in group:
            try:
                write = await pending.prepare()
            except Exception as error:  # noqa: BLE001  # told to who waits
                _fail(pending, error)
                continue
            if names & write.conflict_keys:
                deferred.append(pending)
            else:
                names |= write.conflict_keys
                prepared.append((pending, write))
        if prepared:
            await self._commit(prepared)
        self._queue[:0] = deferred

    async def _commit(self, group: Sequence[tuple[_PendingWrite, WriteSet]]) -> None:
        try:
            revision = await self._target.commit(WriteSet.merge(write for _, write in group))
        except OutcomeUnknownError as error:  # what may be done must not be done once more
            for pending, _ in group:
                _fail(pending, error)
        except Exception as error:  # noqa: BLE001  # told to who waits
            if len(group) == 1:
                _fail(group[0][0], error)
            for each in group if len(group) > 1 else ():  # one that cannot be must not stop others
                await self._commit([each])
        else:
            for pending, write in group:
                pending.done.set_result((write, revision))


def _fail(pending: _PendingWrite, error: Exception) -> None:
    """Tell who waits. An expected error's frames hold all that was to be written."""
    if isinstance(error, StoreError):
        clear_tracebacks(error)
    pending.done.set_exception(error)
