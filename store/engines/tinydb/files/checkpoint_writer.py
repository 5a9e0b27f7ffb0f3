"""Writing checkpoints: the store's file takes in what the log holds, and a new log goes on from it.

1. aside, while others go on appending: the store's file for a state that stands in the log,
2. in a turn: aside, the new log, which names that file and repeats what was appended meanwhile,
3. a line is added to the old log, which names the file that takes it in,
4. the file is put in place, then the log.

A crash after any step is harmless: both logs name the file.
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
from .os_errors import translate_os_errors
from .position import Known
from .reader import StoreReader
from .replacement import NextFile, OldLogError, replace_file_and_log
from .state import State
from .storage import StoreText, Tables
from .write_ahead_log import Log, Place, log_file

LOG_BYTES = 4 << 20
"""How large the log may grow, where the store's file is not larger itself."""


class CheckpointWriter:
    """Writes a store's checkpoints, and says when one is due.

    Attributes:
        give_up_at: When a checkpoint is given up, by the monotonic clock.
        is_awaiting_turn: A checkpoint waits for its turn; a writer that never pauses leaves none.
    """

    def __init__(
        self,
        path: Path,
        locks: StoreLocks,
        reader: StoreReader,
        log_bytes: int,
        lock_timeout_s: float,
    ) -> None:
        self.give_up_at = float("inf")
        self.is_awaiting_turn = False
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._reader = reader
        self._log_bytes = log_bytes
        self._lock_timeout_s = lock_timeout_s

    def is_due(self, known: Known) -> bool:
        """Whether the log has grown beyond its bounds."""
        return known.end > self._bound(known)

    def overdue_warning(self, known: Known) -> str | None:
        """What to tell people of a log that is twice as large as it should be; else None."""
        if known.end <= 2 * self._bound(known):
            return None
        pid = self._locks.checkpoint_holder()
        who = "the process that is at it" if pid is None else f"process {pid}, which is at it,"
        return (
            f"The log {self._log_path} has grown to {known.end / 1e6:,.1f} MB, more than twice its "
            f"bound, as the store's file does not take it in. Nothing is lost. See that the disk "
            f"has room; if {who} is stopped, let it go on (kill -CONT) or end it."
        )

    def take_in(self, known: Known) -> bool:
        """Take into the store's file what the log holds; others may write meanwhile.

        `known` comes from `StoreFiles.write`. False where another process is at it.
        Raises: StoreUnavailableError.
        """
        with translate_os_errors("write", self._path), contextlib.ExitStack() as held:
            is_mine = self._locks.try_lock_checkpoint(held)
            if is_mine:
                self._take_in(known)
        return is_mine

    def write_whole(self, known: Known, state: State, *, gives_up: bool = False) -> Known:
        """Make a checkpoint of a state that need not be in the log. In a whole turn.

        Raises: OSError. StoreUnavailableError. StoreCorruptError. OutcomeUnknownError.
        """
        base = self._reader.base.of(state, known.state.name)
        file = self._write_aside(base.tables, 0, gives_up=gives_up)
        try:
            with discarding_on_error(self._path):
                self._replace(known, state, file)
        except OldLogError:  # it is done: the file says where it stands in the log that is there
            return self._reader.read(known, None)
        self._reader.go_on_from(base)
        log = Log.open(self._log_path)
        return Known(state, file.signature, log, log.start if log else 0)

    def _bound(self, known: Known) -> int:
        size_bytes = known.checkpoint.size_bytes if known.checkpoint else 0
        return max(self._log_bytes, size_bytes)

    def _take_in(self, known: Known) -> None:
        base = self._reader.base.of(known.state, known.state.name, PAUSE_S)
        file = self._write_aside(base.tables, PAUSE_S, gives_up=True)
        with discarding_on_error(self._path), contextlib.closing(self._lock()) as lock:
            log = file_signature(self._log_path)
            if known.log is None or log is None or log.inode != known.log.inode:
                discard_temporary(self._path)  # another process has done it meanwhile
                return
            end = known.log.end_of_lines(known.end)
            known.log.cut(end)
            whole = msgspec.structs.replace(known, end=end)
            self._replace(whole, known.state, file, Place(known.log.inode, known.end))
            new = Log.open(self._log_path)
            self._locks.commit(lock, new, new.size_bytes if new else 0)
        self._reader.go_on_from(base, PAUSE_S)

    def _lock(self) -> WriteLock:
        self.is_awaiting_turn = True
        try:
            return poll_until(self._locks.try_lock, self._lock_timeout_s, self._path)
        finally:
            self.is_awaiting_turn = False

    def _write_aside(self, tables: Tables, pause_s: float, *, gives_up: bool) -> NextFile:
        """Write the store's next file, to be put in place. Raises: OSError."""
        text = StoreText(tables)
        pieces = paced(text, pause_s)
        found = write_temporary(self._path, self._while_wanted(pieces) if gives_up else pieces)
        return NextFile(self._path, found, text.checksum)

    def _while_wanted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if time.monotonic() >= self.give_up_at:
                raise StoreUnavailableError(f"The store {self._path} is being closed.")
            yield piece

    def _replace(
        self, known: Known, state: State, file: NextFile, repeats: Place | None = None
    ) -> None:
        checksum = self._reader.base.meta.checksum
        replace_file_and_log(file, known, state, checksum, repeats)
