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
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import run_interleaved, run_to_end
from store.concurrency.notifier import CoalescedCall, Notifier
from store.concurrency.worker_thread import WorkerThread
from store.engines.changes import HISTORY_LIMIT
from store.engines.indexed.snapshot import IndexedSnapshot
from store.errors import StoreCorruptError, StoreError, StoreUnavailableError
from store.filesystem.file_lock import LOCK_TIMEOUT_S, POLL_S
from store.model import Change
from store.repository import Batch, SourceFile

from .background_checkpoints import BackgroundCheckpoints
from .batch_queue import BatchQueue, Request
from .files.checkpoint_writer import LOG_BYTES
from .files.locks import WriteLock
from .files.position import Known, let_go
from .files.state import Result, written
from .files.store_files import StoreFiles
from .files.write_transaction import Turn
from .lock_wait import LockWait

LOOK_EVERY_S = 1.0
"""How often to look at the files themselves: no writer tells of a restored backup."""

FOLLOW_EVERY_S = 0.01
"""How often to look while somebody waits for what others write."""

CLOSE_S = 5.0
"""How long closing may take: what the file has not taken in by then stays in the log."""

CLOSE_WAIT_S = 1.0
"""How long closing waits for other processes."""

FEW = 64
"""Up to how many articles are prepared between reads, in the same thread."""

_log = logging.getLogger(__name__)


class TinyDBRepository:
    """A `Repository` in one TinyDB file and its log. Made by `open`.

    The file is up to date after `close`, and after each checkpoint; meanwhile the newest changes
    are in the log.
    """

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._known = files.open()
        self._turn = asyncio.Lock()  # of those who change what is known
        self._look = CoalescedCall(self._look_at_files)
        self._look_again_at = 0.0
        self._is_stale = False
        self._told = ""
        self._queue = BatchQueue()
        self._writer: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._notifier = Notifier()
        self._thread = WorkerThread()
        self._lock_wait = LockWait(files)
        self._checkpoints = BackgroundCheckpoints(files.checkpoints, lambda: self._known)
        self._wrote = False
        self._closed = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        history_limit: int = HISTORY_LIMIT,
        log_bytes: int = LOG_BYTES,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        cursor_key: bytes | None = None,
    ) -> TinyDBRepository:
        """The store in this file; where there is none, the first batch makes it.

        It then has this key for its cursors, or a random one.

        Blocks while it reads, some 50 us a document. The newest `history_limit` changes are kept.
        The log may grow to `log_bytes`, or to the file's size where that is larger. A write waits
        `lock_timeout_s` for other processes.
        Raises: StoreCorruptError: it is no store. StoreUnavailableError: it cannot be read.
        """
        files = StoreFiles(
            Path(path).resolve(), history_limit, log_bytes, lock_timeout_s, cursor_key
        )
        return cls(files)

    async def snapshot(self) -> IndexedSnapshot:
        """See `Repository`. Shows what any process has acknowledged before."""
        self._check_open()
        if (current := self.current()) is not None:
            return current
        await self._look.wait()
        return self._known.state.snapshot

    def current(self) -> IndexedSnapshot | None:
        """See `Repository`. None where others have written, or the store was closed."""
        if self._files.committed.words[0] != self._known.mark or self._closed:
            return None
        if time.monotonic() >= self._look_again_at and not self._is_untouched():
            return None
        return self._known.state.snapshot

    def _is_untouched(self) -> bool:
        """Whether nothing but commits has happened to the files, by the last look at them."""
        if self._turn.locked():
            return True  # who has the turn brings the newest state
        self._is_stale = self._is_stale or not self._files.follower.is_untouched(self._known)
        if not self._is_stale and self._files.committed.is_mapped:
            self._look_again_at = time.monotonic() + LOOK_EVERY_S
        return not self._is_stale

    async def _look_at_files(self) -> None:
        mark = self._files.follower.mark(self._known)
        if mark is None:
            # Before one's turn here: whoever has that may have what this waits for.
            mark = await asyncio.to_thread(self._files.follower.settle, self._known)
        async with self._turn:
            if self.current() is None or self._is_stale:
                newer = self._files.follower.mark(self._known)
                mark = mark if newer is None else newer
                follow = partial(self._files.follower.follow, self._known, mark)
                near = self._files.follower.is_near(self._known, mark)
                try:
                    self._take(follow() if near else await asyncio.to_thread(follow))
                except StoreCorruptError as error:
                    self._tell(error)
                    raise
                self._told = ""
                self._is_stale = False
                if self._files.committed.is_mapped:
                    self._look_again_at = time.monotonic() + LOOK_EVERY_S

    def _tell(self, error: StoreCorruptError) -> None:
        """Log a damage, once."""
        if self._told != str(error):
            self._told = str(error)
            _log.error(self._told)

    async def apply(self, batch: Batch) -> int:
        """See `Repository`. Readers go on meanwhile and see the batch when it is on the disk."""
        self._check_open()
        revision = self._queue.add(batch)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
            self._writer.add_done_callback(self._forget_writer)
        return await revision

    async def wait(self, version: str) -> IndexedSnapshot:
        """See `Repository`. What others have written is noticed within some 20 ms."""
        while (snapshot := await self.snapshot()).version == version:
            if self._follower is None or self._follower.done():
                self._follower = asyncio.create_task(self._follow())
            await self._notifier.wait()
        return snapshot

    async def changes_of(self, key: str) -> Sequence[Change]:
        """See `Repository`. Looks at all that are kept."""
        await self.snapshot()
        state = self._known.state
        changes = state.snapshot.history.changes
        return [change for change in chain(changes, state.unchanged) if change.key == key]

    async def sources(self) -> PersistentMap[str, SourceFile]:
        """See `Repository`."""
        await self.snapshot()
        return self._known.state.sources

    async def close(self) -> None:
        """See `Repository`. What is on its way is finished first; the file takes in the log."""
        self._closed = True
        self._checkpoints.stop()
        self._notifier.fail(self._closed_error())
        begun = (self._writer, self._checkpoints.task)
        tasks = [task for task in begun if task and not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
        if self._wrote:
            self._wrote = False
            self._files.checkpoints.give_up_at = time.monotonic() + CLOSE_S
            done = self._thread.submit(partial(self._files.close, self._known, CLOSE_WAIT_S))
            await asyncio.wait((done,), timeout=CLOSE_S)
            if not done.done():
                _log.warning(
                    "The store %s is left with its log: nothing is lost.", self._files.path
                )
            elif isinstance(error := done.exception(), StoreError):
                _log.warning("%s Nothing is lost: the log holds it.", error)
            elif error is not None:
                raise error
        self._thread.close()
        self._lock_wait.close()
        self._checkpoints.close()

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
            let_go(olds, known)
        if is_news:
            self._notifier.notify()

    async def _write_all(self) -> None:
        """Do what is asked for, all that waits at a time, until nothing does."""
        lock: WriteLock | None = None
        while not self._queue.is_empty:
            async with self._turn:
                is_done = await self._write_group(self._queue.next_group(), lock)
            lock = None
            if is_done:
                self._checkpoints.start_if_due()
                if self._files.checkpoints.is_awaiting_turn:
                    await asyncio.sleep(2 * POLL_S)
                continue
            try:
                lock = await self._lock()
            except StoreError as error:
                await self._queue.refuse(error)

    async def _lock(self) -> WriteLock:
        """Wait for the right to write. Raises: StoreUnavailableError."""
        lock = await self._lock_wait.lock(lambda: self._closed)
        if lock is None:
            raise self._closed_error() if self._closed else self._files.busy_error()
        return lock

    def _forget_writer(self, writer: asyncio.Task[None]) -> None:
        """One that was cancelled would keep its turn for as long as it is known."""
        if self._writer is writer:
            self._writer = None

    async def _write_group(self, group: Sequence[Request], lock: WriteLock | None) -> bool:
        """Do batches, or say why not; False where another process has the right to write.

        `lock`: that right, where one has waited for it.
        """
        if not group:
            if lock is not None:
                lock.close()
            return True
        results: Sequence[Result | Exception]
        try:
            size = sum(len(each.batch.puts) + len(each.batch.deletes) for each in group)
            lock = lock or self._files.try_lock()
            turn = self._files.begin(self._known, size, lock) if lock else None
            if turn is None:
                return False
            results = await self._written(turn, [each.batch for each in group], size)
        except StoreError as error:
            results = [error] * len(group)
        except Exception as error:  # noqa: BLE001  # something in a batch that cannot be written
            if len(group) > 1:
                self._queue.retry_singly(group)
                return True
            results = [error] * len(group)
        except BaseException:
            for request in group:
                request.revision.cancel()
            raise
        await self._queue.resolve(group, results)
        return True

    async def _written(self, turn: Turn, batches: Sequence[Batch], size: int) -> Sequence[Result]:
        """Do batches on top of the newest state, on the disk and then for readers. Ends the turn.

        A few are prepared here, between reads, and only what blocks is done in a thread: for one
        that needs the interpreter readers would wait longer.
        """
        if turn.is_near and not turn.is_current:
            self._files.catch_up(turn)
        elif not turn.is_current:
            await asyncio.to_thread(self._files.catch_up, turn)
        try:
            steps = written(batches, turn.known.state, datetime.now(UTC), self._files.history_limit)
            few = size <= FEW
            done = await (run_interleaved(steps) if few else asyncio.to_thread(run_to_end, steps))
        except BaseException:
            turn.close()
            raise
        if done.text is None and turn.known.checkpoint is not None:
            self._take(turn.known)
            turn.close()
        else:  # where there is no store yet, a batch that changes nothing makes an empty one
            write = partial(self._files.write, turn, done.text or b"", done.state)
            writing = self._thread.submit(write, on_loop_closed=turn.close)
            # Also when this task is cancelled, it is done: with it the turn ends.
            writing.add_done_callback(partial(self._finish, turn))
            await asyncio.shield(writing)
        return done.results

    def _finish(self, turn: Turn, writing: asyncio.Future[Known]) -> None:
        """Show what is on the disk to all processes, and to readers here at the same moment."""
        with closing(turn):
            if not writing.cancelled() and writing.exception() is None:
                self._take(self._files.commit(turn, writing.result()))
                self._wrote = True

    async def _follow(self) -> None:
        """Look for what others have written, for those who wait."""
        while self._notifier.has_waiters:
            await asyncio.sleep(FOLLOW_EVERY_S)
            try:
                await self.snapshot()
            except StoreError as error:
                self._notifier.fail(error)
