"""Checkpoints: the store's file takes in the records of the log, and a new log begins.

1. The new file is written as a temporary file, for a state that is in the log. Others append to
   the log meanwhile.
2. Under the write lock, the new log is written as a temporary file. It names the new file, and
   repeats the records that were appended meanwhile.
3. A checkpoint record that names the new file is appended to the old log.
4. The file is renamed into place, then the log.

It is harmless to crash after any step, since both logs name the file (`replacement`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from store.concurrency.cooperative import PAUSE_S, paced
from store.errors import StoreUnavailableError
from store.filesystem.atomic_file import (
    discard_temporary,
    discarding_on_error,
    file_signature,
    write_temporary,
)
from store.filesystem.file_lock import poll_until

from .locks import StoreLocks, WriteLock
from .log_records import LogPosition
from .os_errors import translate_os_errors
from .position import StorePosition
from .reader import StoreReader
from .replacement import LogNotReplacedError, NewStoreFile, replace_file_and_log
from .state import StoreState
from .storage import SerializedFile, Tables
from .write_ahead_log import WriteAheadLog, log_file

LOG_BYTES = 4 << 20
"""How large a log may grow beside a store's file that is not larger itself."""


class CheckpointWriter:
    """Writes a store's checkpoints, and decides when one is due.

    Attributes:
        cancel_at: When a checkpoint is cancelled, by the monotonic clock.
        is_awaiting_lock: A checkpoint waits for the write lock. Writers should pause to let it in.
    """

    def __init__(
        self,
        path: Path,
        locks: StoreLocks,
        reader: StoreReader,
        log_bytes: int,
        lock_timeout_s: float,
    ) -> None:
        self.cancel_at = float("inf")
        self.is_awaiting_lock = False
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._reader = reader
        self._log_bytes = log_bytes
        self._lock_timeout_s = lock_timeout_s

    def is_due(self, position: StorePosition) -> bool:
        """Whether the log is larger than its bound."""
        return position.end > self._bound(position)

    def overdue_warning(self, position: StorePosition) -> str | None:
        """The warning about a log that is twice as large as its bound; None: it is not."""
        if position.end <= 2 * self._bound(position):
            return None
        pid = self._locks.checkpoint_holder()
        who = "that process" if pid is None else f"process {pid}"
        return (
            f"The log {self._log_path} has grown to {position.end / 1e6:,.1f} MB, more than twice "
            f"its bound: its checkpoints fail, or the process that writes one is stopped. Nothing "
            f"is lost. Check that the disk has space. If {who} is stopped, continue it (kill "
            f"-CONT) or end it."
        )

    def write_online(self, position: StorePosition) -> bool:
        """Write a checkpoint while others go on writing; False: another process writes one.

        `position`: must have been returned by `StoreFiles.write`.
        Raises: StoreUnavailableError.
        """
        with translate_os_errors("write", self._path), contextlib.ExitStack() as held:
            is_locked = self._locks.try_lock_checkpoint(held)
            if is_locked:
                self._write_online(position)
        return is_locked

    def write_exclusive(
        self, position: StorePosition, state: StoreState, *, can_cancel: bool = False
    ) -> StorePosition:
        """Write a checkpoint of a state, which need not be in the log, under both locks.

        `position`: the newest. Returns the position after it.
        Raises: OSError. StoreUnavailableError. StoreCorruptError. OutcomeUnknownError.
        """
        base = self._reader.base.derive(state, position.state.name)
        file = self._write_file(base.tables, 0, can_cancel=can_cancel)
        try:
            with discarding_on_error(self._path):
                self._replace(position, state, file)
        except LogNotReplacedError:  # it is written: the file names its position in the old log
            return self._reader.read(position, None)
        self._reader.set_base(base)
        log = WriteAheadLog.open(self._log_path)
        return StorePosition(state, file.signature, log, log.start if log else 0)

    def _bound(self, position: StorePosition) -> int:
        size_bytes = position.checkpoint.size_bytes if position.checkpoint else 0
        return max(self._log_bytes, size_bytes)

    def _write_online(self, position: StorePosition) -> None:
        base = self._reader.base.derive(position.state, position.state.name, PAUSE_S)
        file = self._write_file(base.tables, PAUSE_S, can_cancel=True)
        with discarding_on_error(self._path), contextlib.closing(self._lock()) as lock:
            log = file_signature(self._log_path)
            if position.log is None or log is None or log.inode != position.log.inode:
                discard_temporary(self._path)  # another process has written one meanwhile
                return
            end = position.log.last_line_end(position.end)
            position.log.cut_torn_line(end)
            newest = msgspec.structs.replace(position, end=end)
            copied_from = LogPosition(position.log.inode, position.end)
            self._replace(newest, position.state, file, copied_from)
            new = WriteAheadLog.open(self._log_path)
            self._locks.commit(lock, new, new.size_bytes if new else 0)
        self._reader.set_base(base, PAUSE_S)

    def _lock(self) -> WriteLock:
        self.is_awaiting_lock = True
        try:
            return poll_until(self._locks.try_lock, self._lock_timeout_s, self._path)
        finally:
            self.is_awaiting_lock = False

    def _write_file(self, tables: Tables, pause_s: float, *, can_cancel: bool) -> NewStoreFile:
        """Write the new version of the store's file as a temporary file. Raises: OSError."""
        serialized = SerializedFile(tables)
        chunks = paced(serialized, pause_s)
        signature = write_temporary(self._path, self._cancellable(chunks) if can_cancel else chunks)
        return NewStoreFile(self._path, signature, serialized.checksum)

    def _cancellable(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if time.monotonic() >= self.cancel_at:
                raise StoreUnavailableError(f"The store {self._path} is being closed.")
            yield chunk

    def _replace(
        self,
        position: StorePosition,
        state: StoreState,
        file: NewStoreFile,
        copied_from: LogPosition | None = None,
    ) -> None:
        checksum = self._reader.base.meta.checksum
        replace_file_and_log(file, position, state, checksum, copied_from)
