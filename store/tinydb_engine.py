"""The default engine: documents in a TinyDB file and its log, served from an indexed snapshot.

A write costs what it changes. Batches that are asked for while others are on their way to the disk
go there together, as one line of the log, with one flush. When the log has grown, the file takes
it in, in the background.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from .changes import HISTORY_LIMIT
from .errors import StoreError, StoreUnavailableError
from .known import Known, Turn
from .lane import Lane
from .layered import Layered
from .model import Change
from .repository import Batch, SourceFile
from .snapshot import IndexedSnapshot
from .state import Result, written
from .steps import finish, free, interleave
from .store_files import LOG_BYTES, StoreFiles
from .waiting import Bell

LOOK_EVERY_S = 0.01
"""How long a process may go on with what it has before it looks whether another has written."""

FOLLOW_EVERY_S = 0.04
"""How often to look while somebody waits for what others write."""

RETRY_S = 10.0
"""How long to go on with a log beyond its bounds after the file could not take it in."""

FEW = 64
"""Up to how many articles are prepared between reads, in the same thread."""

WAKE = 2
"""How many writers hear of what became of their batches before others have their turn."""

_log = logging.getLogger(__name__)


class _Request(NamedTuple):
    """A batch, and who waits for it."""

    batch: Batch
    revision: asyncio.Future[int]


class TinyDBRepository:
    """A `Repository` in one TinyDB file and its log. Made by `open`.

    The file is up to date after `close`, and after each checkpoint; meanwhile the newest changes
    are in the log.
    """

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._known = files.open()
        self._turn = asyncio.Lock()  # of those who change what is known
        self._look_again_at = 0.0
        self._checkpoint_again_at = 0.0
        self._requests: list[_Request] = []
        self._writer: asyncio.Task[None] | None = None
        self._checkpointer: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._bell = Bell()
        self._lane = Lane()
        self._wrote = False
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        history_limit: int = HISTORY_LIMIT,
        log_bytes: int = LOG_BYTES,
        cursor_key: bytes | None = None,
    ) -> TinyDBRepository:
        """The store in this file; where there is none, the first batch makes it.

        It then has this key for its cursors, or a random one.

        Blocks while it reads, some 50 us a document. The newest `history_limit` changes are kept.
        The log may grow to `log_bytes`, or to the file's size where that is larger.
        Raises: StoreCorruptError: it is no store. StoreUnavailableError: it cannot be read.
        """
        return cls(StoreFiles(Path(path).resolve(), history_limit, log_bytes, cursor_key))

    async def snapshot(self) -> IndexedSnapshot:
        """See `Repository`. Looks whether others have written, and reads what they did."""
        self._check_open()
        if (current := self.current()) is not None:
            return current
        async with self._turn:
            self._take(await asyncio.to_thread(self._files.follow, self._known))
        return self._known.state.snapshot

    def current(self) -> IndexedSnapshot | None:
        """See `Repository`. None where others have written, or the store was closed."""
        now = time.monotonic()
        # Who has the turn brings the newest state: readers go on with what there is.
        if now >= self._look_again_at and not self._turn.locked():
            self._look_again_at = now + LOOK_EVERY_S
            if not self._files.is_current(self._known):
                self._look_again_at = 0.0
                return None
        return None if self._closed else self._known.state.snapshot

    async def apply(self, batch: Batch) -> int:
        """See `Repository`. Readers go on meanwhile and see the batch when it is on the disk."""
        self._check_open()
        request = _Request(batch, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await request.revision

    async def wait(self, version: str) -> IndexedSnapshot:
        """See `Repository`. What others have written is noticed within some 50 ms."""
        while (snapshot := await self.snapshot()).version == version:
            if self._follower is None or self._follower.done():
                self._follower = asyncio.create_task(self._follow())
            await self._bell.heard()
        return snapshot

    async def changes_of(self, key: str) -> Sequence[Change]:
        """See `Repository`. Looks at all that are kept."""
        await self.snapshot()
        state = self._known.state
        changes = state.snapshot.history.changes
        return [change for change in chain(changes, state.unchanged) if change.key == key]

    async def sources(self) -> Layered[str, SourceFile]:
        """See `Repository`."""
        await self.snapshot()
        return self._known.state.sources

    async def close(self) -> None:
        """See `Repository`. What is on its way is finished first; the file takes in the log."""
        self._closed = True
        self._bell.fail(self._closed_error())
        for task in (self._writer, self._checkpointer):
            if task is not None and not task.done():
                await asyncio.wait((task,))
        if self._wrote:
            self._wrote = False
            try:
                await asyncio.to_thread(self._files.close, self._known)
            except StoreError as error:
                _log.warning("%s Nothing is lost: the log holds it.", error)
        self._lane.close()

    def _check_open(self) -> None:
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"The store {self._files.path} was closed. Open it again.")

    def _take(self, known: Known) -> None:
        """Go on with what is known now."""
        is_news = known.state is not self._known.state
        olds = [self._known]
        self._known = known
        if olds[0].log is not known.log or not olds[0].shares(known):
            _let_go(olds, known)
        if is_news:
            self._bell.ring()

    async def _write_all(self) -> None:
        """Do what is asked for, all that waits at a time, until nothing does."""
        while self._requests:
            async with self._turn:
                group = [each for each in self._requests if not each.revision.done()]
                self._requests.clear()
                try:
                    await self._write(group)
                finally:
                    for request in group:
                        request.revision.cancel()
            self._start_checkpoint()

    async def _write(self, group: Sequence[_Request]) -> None:
        try:
            results = await self._written([request.batch for request in group])
        except StoreError as error:
            await _resolve(group, [error] * len(group))
        except Exception as error:  # noqa: BLE001  # something in a batch that cannot be written
            if len(group) == 1:
                await _resolve(group, [error])
            for request in group if len(group) > 1 else ():
                await self._write([request])
        else:
            await _resolve(group, results)

    async def _written(self, batches: Sequence[Batch]) -> Sequence[Result]:
        """Do batches on top of the newest state, on the disk and then for readers.

        A few are prepared here, between reads, and only what blocks is done in a thread: for one
        that needs the interpreter readers would wait longer.
        """
        size = sum(len(batch.puts) + len(batch.deletes) for batch in batches)
        turn = await self._begin(size)
        try:
            steps = written(batches, turn.known.state, datetime.now(UTC), self._files.history_limit)
            few = size <= FEW
            done = await (interleave(steps) if few else asyncio.to_thread(finish, steps))
        except BaseException:
            turn.close()
            raise
        known = turn.known
        if done.text is None and known.checkpoint is not None:
            turn.close()
        else:  # where there is no store yet, a batch that changes nothing makes an empty one
            # Also when this task is cancelled, it is done: with it the turn ends.
            write = partial(self._files.write, turn, done.text or b"", done.state)
            known = await asyncio.shield(self._lane.run(write))
            self._wrote = True
        self._take(known)
        return done.results

    async def _begin(self, size: int) -> Turn:
        if size <= FEW and (turn := self._files.begin_at_once(self._known)):
            return turn
        return await asyncio.to_thread(self._files.begin, self._known, size)

    def _start_checkpoint(self) -> None:
        idle = self._checkpointer is None or self._checkpointer.done()
        is_time = time.monotonic() >= self._checkpoint_again_at
        if idle and is_time and self._files.wants_checkpoint(self._known):
            self._checkpointer = asyncio.create_task(self._checkpoint(self._known))

    async def _checkpoint(self, known: Known) -> None:
        try:
            await asyncio.to_thread(self._files.checkpoint, known)
        except StoreError as error:
            self._checkpoint_again_at = time.monotonic() + RETRY_S
            _log.warning("%s Until then its log grows.", error)
        olds = [known]
        del known
        _let_go(olds, self._known)

    async def _follow(self) -> None:
        """Look for what others have written, for those who wait."""
        while self._bell.has_listeners:
            await asyncio.sleep(FOLLOW_EVERY_S)
            try:
                await self.snapshot()
            except StoreError as error:
                self._bell.fail(error)


def _let_go(olds: list[Known], new: Known) -> None:
    """Forget what is known no more, in a thread: to close a log that was replaced takes it off the
    disk, which blocks, and to free indexes by which no others go on takes long.
    """

    def forget() -> None:
        contents = [] if olds[0].shares(new) else olds[0].state.snapshot.contents()
        olds.clear()
        free(contents)

    asyncio.get_running_loop().run_in_executor(None, forget)


async def _resolve(group: Sequence[_Request], results: Sequence[Result | Exception]) -> None:
    for number, ((_, revision), result) in enumerate(zip(group, results, strict=True), start=1):
        if revision.done():
            continue  # its writer has stopped waiting
        if isinstance(result, int):
            revision.set_result(result)
        else:
            revision.set_exception(result)
        if number % WAKE == 0:
            await asyncio.sleep(0)
