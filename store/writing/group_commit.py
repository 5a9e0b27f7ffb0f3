"""Writes in groups: those that come while others are on their way to the disk go there together.

A group has one turn with the place, whose files are flushed together, and one batch of the store.
In it are writes of which no two change the same document, path or slug; what would meet another
waits for the next group, and is then made from what that one has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from store.errors import OutcomeUnknownError, StoreError, forget_frames

from .targets import Place, Write

Prepare = Callable[[], Awaitable[Write]]
"""Makes a write of what is there now. Is called in a turn, once or more; raises what refuses it."""

_MOST = 64
"""How many writes are a group: so many that flushing is shared, so few that others get a turn."""


class _Request(NamedTuple):
    prepare: Prepare
    about: str | None
    done: asyncio.Future[tuple[Write, int]]


class WriteGroups:
    """Does what it is asked for, as many at a time as are waiting."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._waiting: list[_Request] = []
        self._leader: asyncio.Task[None] | None = None

    async def do(self, prepare: Prepare, about: str | None = None) -> tuple[Write, int]:
        """Do a write; what was written, and the store's revision after its group.

        `about`: what it changes, as far as that is known now. It is done also if the caller does
        not wait for it. Raises: what `prepare` and `Place.keep` raise.
        """
        request = _Request(prepare, about, asyncio.get_running_loop().create_future())
        request.done.add_done_callback(asyncio.Future.exception)  # whoever asked may be gone
        self._waiting.append(request)
        if self._leader is None or self._leader.done():
            self._leader = asyncio.create_task(self._lead())
        return await asyncio.shield(request.done)

    async def _lead(self) -> None:
        while self._waiting:
            group = self._next_group()
            try:
                async with self._place.turn():
                    await self._do(group)
            except Exception as error:  # noqa: BLE001  # told to those who wait
                for request in group:
                    if not request.done.done():
                        _fail(request, error)

    def _next_group(self) -> list[_Request]:
        """The first who wait, one for each thing that it is about."""
        group: list[_Request] = []
        left: list[_Request] = []
        about: set[str] = set()
        for request in self._waiting:
            is_next = len(group) < _MOST and request.about not in about
            (group if is_next else left).append(request)
            if request.about is not None:
                about.add(request.about)
        self._waiting = left
        return group

    async def _do(self, group: Sequence[_Request]) -> None:
        together: list[tuple[_Request, Write]] = []
        late: list[_Request] = []
        names: set[str] = set()
        for request in group:
            try:
                write = await request.prepare()
            except Exception as error:  # noqa: BLE001  # told to who waits
                _fail(request, error)
                continue
            if names & write.names:
                late.append(request)
            else:
                names |= write.names
                together.append((request, write))
        if together:
            await self._keep(together)
        self._waiting[:0] = late

    async def _keep(self, group: Sequence[tuple[_Request, Write]]) -> None:
        try:
            revision = await self._place.keep(Write.of_all(write for _, write in group))
        except OutcomeUnknownError as error:  # what may be done must not be done once more
            for request, _ in group:
                _fail(request, error)
        except Exception as error:  # noqa: BLE001  # told to who waits
            if len(group) == 1:
                _fail(group[0][0], error)
            for each in group if len(group) > 1 else ():  # one that cannot be must not stop others
                await self._keep([each])
        else:
            for request, write in group:
                request.done.set_result((write, revision))


def _fail(request: _Request, error: Exception) -> None:
    """Tell who waits. An expected error's frames hold all that was to be written."""
    if isinstance(error, StoreError):
        forget_frames(error)
    request.done.set_exception(error)
