"""The default engine: documents in a TinyDB file and a log, served from an indexed snapshot.

The cost of a write is proportional to what it changes. Group commit: batches that wait while others
are written become one record of the log, with one flush. When the log has grown, the file takes it
in, in the background (checkpoint).
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
from .batch_queue import BatchQueue, QueuedBatch
from .files.checkpoint_writer import LOG_BYTES
from .files.locks import WriteLock
from .files.position import StorePosition, release
from .files.state import Result, prepare_write
from .files.store_files import StoreFiles
from .files.write_transaction import WriteTransaction
from .lock_wait import SharedLockWait

FILE_CHECK_INTERVAL_S = 1.0
"""How often to check the files themselves: a restored backup changes no commit mark."""

FOLLOW_INTERVAL_S = 0.01
"""How often to check for commits of other processes while `wait` is called."""

CLOSE_TIMEOUT_S = 5.0
"""The maximum time of closing. What is not in a checkpoint by then stays in the log."""

CLOSE_LOCK_TIMEOUT_S = 1.0
"""How long closing waits for the write lock."""

SMALL_WRITE = 64
"""Up to how many articles are prepared on the event loop, between reads."""

_log = logging.getLogger(__name__)


class TinyDBRepository:
    """A `Repository` in one TinyDB file and its log. Created by `open`.

    The file is up to date after `close` and after each checkpoint. In between, the newest changes
    are in the log.
    """

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._position = files.open()
        self._position_lock = asyncio.Lock()  # held to replace the position
        self._refresh = CoalescedCall(self._refresh_position)
        self._file_check_at = 0.0
        self._is_stale = False
        self._logged_damage = ""
        self._queue = BatchQueue()
        self._writer: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._notifier = Notifier()
        self._thread = WorkerThread()
        self._lock_wait = SharedLockWait(files)
        self._checkpoints = BackgroundCheckpoints(files.checkpoints, lambda: self._position)
        self._has_written = False
        self._is_closed = False

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
        """Open a store. A missing one is created by the first batch.

        Blocks while it reads, some 50 us per document.

        Args:
            path: The store's file.
            history_limit: How many of the newest changes are stored.
            log_bytes: How large the log may grow; at least as large as the file.
            lock_timeout_s: How long a write waits for other processes.
            cursor_key: The key for the cursors of a new store; None: a random one.

        Raises: StoreCorruptError: it is no store. StoreUnavailableError: it cannot be read.
        """
        files = StoreFiles(
            Path(path).resolve(), history_limit, log_bytes, lock_timeout_s, cursor_key
        )
        return cls(files)

    async def snapshot(self) -> IndexedSnapshot:
        """See `Repository`. Includes what any process has acknowledged before the call."""
        self._check_open()
        if (current := self.current()) is not None:
            return current
        await self._refresh.wait()
        return self._position.state.snapshot

    def current(self) -> IndexedSnapshot | None:
        """See `Repository`. None: other processes have written, or the store was closed."""
        if self._files.commit_mark.words[0] != self._position.mark or self._is_closed:
            return None
        if time.monotonic() >= self._file_check_at and not self._are_files_unchanged():
            return None
        return self._position.state.snapshot

    def _are_files_unchanged(self) -> bool:
        """Check the files for changes other than commits."""
        if self._position_lock.locked():
            return True  # the holder brings the newest position
        self._is_stale = self._is_stale or not self._files.follower.is_unchanged(self._position)
        if not self._is_stale and self._files.commit_mark.is_mapped:
            self._file_check_at = time.monotonic() + FILE_CHECK_INTERVAL_S
        return not self._is_stale

    async def _refresh_position(self) -> None:
        follower = self._files.follower
        mark = follower.read_mark(self._position)
        if mark is None:
            # Without the lock here: its holder may also hold what this waits for.
            mark = await asyncio.to_thread(follower.wait_for_mark, self._position)
        async with self._position_lock:
            if self.current() is None or self._is_stale:
                newer = follower.read_mark(self._position)
                mark = mark if newer is None else newer
                follow = partial(follower.follow, self._position, mark)
                is_quick = follower.has_small_lag(self._position, mark)
                try:
                    self._set_position(follow() if is_quick else await asyncio.to_thread(follow))
                except StoreCorruptError as error:
                    self._log_damage(error)
                    raise
                self._logged_damage = ""
                self._is_stale = False
                if self._files.commit_mark.is_mapped:
                    self._file_check_at = time.monotonic() + FILE_CHECK_INTERVAL_S

    def _log_damage(self, error: StoreCorruptError) -> None:
        """Log an error, unless it was the last one that was logged."""
        if self._logged_damage != str(error):
            self._logged_damage = str(error)
            _log.error(self._logged_damage)

    async def apply(self, batch: Batch) -> int:
        """See `Repository`. Readers are not blocked, and see the batch once it is on the disk."""
        self._check_open()
        revision = self._queue.add(batch)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_queue())
            self._writer.add_done_callback(self._drop_writer)
        return await revision

    async def wait(self, version: str) -> IndexedSnapshot:
        """See `Repository`. Commits of other processes are noticed within some 20 ms."""
        while (snapshot := await self.snapshot()).version == version:
            if self._follower is None or self._follower.done():
                self._follower = asyncio.create_task(self._follow())
            await self._notifier.wait()
        return snapshot

    async def changes_of(self, key: str) -> Sequence[Change]:
        """See `Repository`. Scans all stored changes."""
        await self.snapshot()
        state = self._position.state
        changes = state.snapshot.history.changes
        return [change for change in chain(changes, state.unchanged) if change.key == key]

    async def sources(self) -> PersistentMap[str, SourceFile]:
        """See `Repository`."""
        await self.snapshot()
        return self._position.state.sources

    async def close(self) -> None:
        """See `Repository`. Running writes are finished first; then a checkpoint is written."""
        self._is_closed = True
        self._checkpoints.stop()
        self._notifier.fail(self._closed_error())
        started = (self._writer, self._checkpoints.task)
        running = [task for task in started if task and not task.done()]
        if running:
            await asyncio.wait(running, timeout=CLOSE_TIMEOUT_S)
        if self._has_written:
            self._has_written = False
            await self._close_files()
        self._thread.close()
        self._lock_wait.close()
        self._checkpoints.close()

    async def _close_files(self) -> None:
        self._files.checkpoints.cancel_at = time.monotonic() + CLOSE_TIMEOUT_S
        closed = self._thread.submit(
            partial(self._files.close, self._position, CLOSE_LOCK_TIMEOUT_S)
        )
        await asyncio.wait((closed,), timeout=CLOSE_TIMEOUT_S)
        if not closed.done():
            _log.warning(
                "The store %s was closed without a checkpoint. Nothing is lost: the log holds it.",
                self._files.path,
            )
        elif isinstance(error := closed.exception(), StoreError):
            _log.warning("%s Nothing is lost: the log holds it.", error)
        elif error is not None:
            raise error

    def _check_open(self) -> None:
        if self._is_closed:
            raise self._closed_error()

    def _closed_error(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"The store {self._files.path} was closed. Open it again.")

    def _set_position(self, position: StorePosition) -> None:
        """Serve a newer position, and wake the tasks in `wait` if its state is another."""
        is_other_state = position.state is not self._position.state
        replaced = [self._position]
        self._position = position
        if replaced[0].log is not position.log or not replaced[0].shares(position):
            release(replaced, position)
        if is_other_state:
            self._notifier.notify()

    async def _write_queue(self) -> None:
        """Write the queued batches group by group, until the queue is empty."""
        lock: WriteLock | None = None
        while not self._queue.is_empty:
            async with self._position_lock:
                is_done = await self._write_group(self._queue.next_group(), lock)
            lock = None
            if is_done:
                self._checkpoints.start_if_due()
                if self._files.checkpoints.is_awaiting_lock:
                    await asyncio.sleep(2 * POLL_S)
                continue
            try:
                lock = await self._wait_for_lock()
            except StoreError as error:
                await self._queue.refuse(error)

    async def _wait_for_lock(self) -> WriteLock:
        """Wait for the write lock. Raises: StoreUnavailableError."""
        lock = await self._lock_wait.lock(lambda: self._is_closed)
        if lock is None:
            raise self._closed_error() if self._is_closed else self._files.busy_error()
        return lock

    def _drop_writer(self, writer: asyncio.Task[None]) -> None:
        """Free a finished task: a cancelled one would keep its transaction open."""
        if self._writer is writer:
            self._writer = None

    async def _write_group(self, group: Sequence[QueuedBatch], lock: WriteLock | None) -> bool:
        """Write a group and resolve it; False: another process holds the write lock.

        `lock`: the write lock, after a wait for it.
        """
        if not group:
            if lock is not None:
                lock.close()
            return True
        results: Sequence[Result | Exception]
        try:
            size = sum(len(each.batch.puts) + len(each.batch.deletes) for each in group)
            lock = lock or self._files.try_lock()
            transaction = self._files.begin(self._position, size, lock) if lock else None
            if transaction is None:
                return False
            results = await self._run_transaction(transaction, [b.batch for b in group], size)
        except StoreError as error:
            results = [error] * len(group)
        except Exception as error:  # noqa: BLE001  # a batch holds something that cannot be encoded
            if len(group) > 1:
                self._queue.retry_singly(group)
                return True
            results = [error] * len(group)
        except BaseException:
            for queued in group:
                queued.revision.cancel()
            raise
        await self._queue.resolve(group, results)
        return True

    async def _run_transaction(
        self, transaction: WriteTransaction, batches: Sequence[Batch], size: int
    ) -> Sequence[Result]:
        """Apply batches to the newest state, write and commit them, and close the transaction.

        A small group is prepared here, between reads, and only blocking calls run in a thread: a
        thread that computes would delay readers more, by the GIL.
        """
        if transaction.has_small_lag and not transaction.is_current:
            self._files.catch_up(transaction)
        elif not transaction.is_current:
            await asyncio.to_thread(self._files.catch_up, transaction)
        try:
            now, history_limit = datetime.now(UTC), self._files.history_limit
            steps = prepare_write(batches, transaction.position.state, now, history_limit)
            is_small = size <= SMALL_WRITE
            prepared = await (
                run_interleaved(steps) if is_small else asyncio.to_thread(run_to_end, steps)
            )
        except BaseException:
            transaction.close()
            raise
        if prepared.record is None and transaction.position.checkpoint is not None:
            self._set_position(transaction.position)
            transaction.close()
        else:  # without a store, a no-op creates an empty one
            write = partial(self._files.write, transaction, prepared.record or b"", prepared.state)
            written = self._thread.submit(write, on_loop_closed=transaction.close)
            # A callback, since the write goes on when this task is cancelled.
            written.add_done_callback(partial(self._finish_write, transaction))
            await asyncio.shield(written)
        return prepared.results

    def _finish_write(
        self, transaction: WriteTransaction, written: asyncio.Future[StorePosition]
    ) -> None:
        """Commit for all processes, and show the write to readers here in the same step."""
        with closing(transaction):
            if not written.cancelled() and written.exception() is None:
                self._set_position(self._files.commit(transaction, written.result()))
                self._has_written = True

    async def _follow(self) -> None:
        """Poll for commits of other processes while tasks are in `wait`."""
        while self._notifier.has_waiters:
            await asyncio.sleep(FOLLOW_INTERVAL_S)
            try:
                await self.snapshot()
            except StoreError as error:
                self._notifier.fail(error)
