"""The files of an embedded store: a TinyDB file as the checkpoint, and the write-ahead log.

Several processes may use one store. Writers exclude each other by the write lock, and raise the
commit mark in the lock file. All processes follow the log up to the mark, and so see the writes of
others. Every wait has a timeout, since a process may be stopped while it holds a lock. All methods
block: call them in threads.
"""

from __future__ import annotations

import contextlib
import errno
import time
from pathlib import Path

import msgspec

from store.errors import StoreUnavailableError
from store.filesystem.file_lock import (
    LOCK_TIMEOUT_S,
    POLL_S,
    is_file_at,
    lock_file,
    poll_until,
    timeout_error,
)

from .checkpoint_writer import CheckpointWriter
from .follower import SMALL_LAG_BYTES, StoreFollower, with_mark
from .locks import StoreLocks, WriteLock
from .log_records import encode_line
from .os_errors import translate_os_errors
from .position import StorePosition
from .reader import StoreReader
from .state import StoreState
from .write_transaction import WriteTransaction

LARGE_BATCH = 1_000
LARGE_DIVISOR = 32
"""A group of batches is written as a checkpoint instead of a log record if it has so many articles,
and at least 1/32 of all. Then other processes read the checkpoint as fast as the record.
"""


class StoreFiles:
    """A store's files: recovery, write transactions, and closing.

    Attributes:
        path: The path of the store's file.
        history_limit: How many of the newest changes are stored.
        lock_timeout_s: The maximum wait for the write lock, in seconds.
        commit_mark: The commit mark, mapped into this process.
        follower: Reads what other processes have committed.
        checkpoints: Writes checkpoints, and decides when one is due.
    """

    def __init__(
        self,
        path: Path,
        history_limit: int,
        log_bytes: int,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        cursor_key: bytes | None = None,
    ) -> None:
        self.path = path
        self.history_limit = history_limit
        self.lock_timeout_s = lock_timeout_s
        self._locks = StoreLocks(path)
        self._reader = StoreReader(path, self._locks, history_limit, cursor_key)
        self.commit_mark = self._locks.commit_mark
        self.follower = StoreFollower(path, self._locks, self._reader)
        self.checkpoints = CheckpointWriter(
            path, self._locks, self._reader, log_bytes, lock_timeout_s
        )

    def open(self) -> StorePosition:
        """Recover and read the store.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        with translate_os_errors("open", self.path):
            self.path.parent.stat()
        self._locks.open()
        mark = self._locks.read_mark()
        position = with_mark(self._reader.read(self._reader.empty_position(), mark), mark)
        if position.log is not None and self._locks.are_working:
            # Recovery: records after the last commit are committed, a torn one is truncated.
            with contextlib.suppress(StoreUnavailableError):
                lock = self.try_lock()
                transaction = self.begin(position, 0, lock) if lock else None
                if transaction is not None:
                    if not transaction.is_current:
                        self.catch_up(transaction)
                    position = transaction.position
                    transaction.close()
        return position

    def try_lock(self) -> WriteLock | None:
        """Take the write lock; None: another holds it. Raises: StoreUnavailableError."""
        with translate_os_errors("write", self.path):
            return self._locks.try_lock()

    def lock(self) -> WriteLock:
        """Take the write lock, without a timeout. Raises: StoreUnavailableError."""
        while (lock := self._lock_blocking()) is None:
            time.sleep(POLL_S)
        return lock

    def _lock_blocking(self) -> WriteLock | None:
        with translate_os_errors("write", self.path):
            return self._locks.try_lock(block=True)

    def busy_error(self) -> StoreUnavailableError:
        """The error for a write lock that was not free in time; its holder is logged."""
        try:
            with translate_os_errors("write", self.path):
                raise timeout_error(self.path, self.lock_timeout_s)
        except StoreUnavailableError as error:
            return error

    def begin(
        self, position: StorePosition, size: int, lock: WriteLock, *, to_checkpoint: bool = False
    ) -> WriteTransaction | None:
        """Begin a transaction; None: it needs the checkpoint lock, which another process holds.

        `size`: the number of articles in it. `to_checkpoint`: it writes a checkpoint, whatever its
        size. Unless it `is_current`, call `catch_up` before `write`.

        Raises: StoreUnavailableError.
        """
        with translate_os_errors("write", self.path), contextlib.ExitStack() as checkpoint_lock:
            file, log = self._reader.signatures()
            is_new = file is None or log is None
            share = len(position.state.snapshot.articles) // LARGE_DIVISOR
            to_checkpoint = to_checkpoint or is_new or size >= max(LARGE_BATCH, share)
            if to_checkpoint and not self._locks.try_lock_checkpoint(checkpoint_lock):
                if is_new:
                    lock.close()
                    return None
                to_checkpoint = False  # a log record instead
            is_newest = position.covers(file, log) and position.mark == self.commit_mark.words[0]
            transaction = WriteTransaction(
                position,
                lock,
                checkpoint_lock.pop_all(),
                writes_checkpoint=to_checkpoint,
                is_current=is_newest and not is_new,
            )
            old = position.log
            if file == position.checkpoint and log and old and log.inode == old.inode:
                transaction.has_small_lag = log.size_bytes - position.end <= SMALL_LAG_BYTES
            return transaction

    def catch_up(self, transaction: WriteTransaction) -> None:
        """Advance a transaction to the newest position, and commit that. Closes it on errors.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        try:
            with translate_os_errors("write", self.path):
                position = self.follower.read_newest(transaction.position)
                if position.log and not transaction.writes_checkpoint:
                    position.log.cut_torn_line(position.end)
                transaction.position = self.commit(transaction, position)
                transaction.is_current = True
        except BaseException:
            transaction.close()
            raise

    def write(
        self, transaction: WriteTransaction, record: bytes, state: StoreState
    ) -> StorePosition:
        """Write a log record durably, or a checkpoint of the state after it.

        Neither commits nor closes the transaction. Returns the position after the record.
        Raises: StoreUnavailableError: nothing was written. OutcomeUnknownError.
        """
        position = transaction.position
        with translate_os_errors("write", self.path):
            if transaction.writes_checkpoint or position.log is None:
                if position.log is None and not is_file_at(
                    transaction.lock.handle, lock_file(self.path)
                ):
                    # Without a log, only the lock file keeps others from creating the store.
                    raise BlockingIOError(errno.EWOULDBLOCK, "its lock file was removed")
                return self.checkpoints.write_exclusive(position, state)
            line = encode_line(record)
            position.log.append(position.end, line)
            return msgspec.structs.replace(position, state=state, end=position.end + len(line))

    def commit(self, transaction: WriteTransaction, position: StorePosition) -> StorePosition:
        """Raise the commit mark to a position. Takes some microseconds."""
        mark = self._locks.commit(transaction.lock, position.log, position.end)
        return msgspec.structs.replace(position, mark=mark)

    def close(self, position: StorePosition, lock_timeout_s: float) -> None:
        """Write a checkpoint if the log has records, and remove the owner file in any case.

        Raises: StoreError: among others, the write lock was not free in time.
        """
        try:
            if position.log is not None and position.end > position.log.start:
                self._write_last_checkpoint(position, lock_timeout_s)
        finally:
            self._locks.close()

    def _write_last_checkpoint(self, position: StorePosition, lock_timeout_s: float) -> None:
        with translate_os_errors("write", self.path):
            lock = poll_until(self._locks.try_lock, lock_timeout_s, self.path)
        transaction = self.begin(position, 0, lock, to_checkpoint=True)
        if transaction is None:
            return
        with contextlib.closing(transaction):
            self.catch_up(transaction)
            position = transaction.position
            log = position.log
            if transaction.writes_checkpoint and log and position.end > log.start:
                with translate_os_errors("write", self.path):
                    position = self.checkpoints.write_exclusive(
                        position, position.state, can_cancel=True
                    )
                    self.commit(transaction, position)
