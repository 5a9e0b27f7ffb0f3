"""The embedded store on the disk: the TinyDB file as checkpoint, and the log of what came after.

Several processes may use one store. Writers take turns by a lock, and say in the lock file how far
the log is committed; all follow the log up to there, to see what the others wrote. A checkpoint
takes in what the log holds and puts a new log in its place. Nobody waits without bound, since a
process may be stopped in its turn. Everything here blocks: it is for threads.
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
from .follower import LITTLE_BYTES, StoreFollower, seen
from .locks import StoreLocks, WriteLock
from .os_errors import translate_os_errors
from .position import Known
from .reader import StoreReader
from .state import State
from .write_ahead_log import line_of
from .write_transaction import Turn

LARGE_BATCH = 1_000
LARGE_SHARE = 32
"""From how many articles on, and which part of all, a group of batches goes into a checkpoint and
not into the log: so many that who follows the store may as well read it anew.
"""


class StoreFiles:
    """A store's files: opened, written to in turns, and closed.

    Attributes:
        path: The store's file.
        history_limit: How many of the newest changes are kept.
        lock_timeout_s: How long a writer waits for others.
        committed: The commit mark, as this process sees it.
        follower: Reads what other processes have committed.
        checkpoints: Writes checkpoints, and says when one is due.
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
        self.committed = self._locks.committed
        self.follower = StoreFollower(path, self._locks, self._reader)
        self.checkpoints = CheckpointWriter(
            path, self._locks, self._reader, log_bytes, lock_timeout_s
        )

    def open(self) -> Known:
        """The store as it is. Removes what crashes have left.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        with translate_os_errors("open", self.path):
            self.path.parent.stat()
        self._locks.open()
        mark = self._locks.mark()
        known = seen(self._reader.read(self._reader.empty(), mark), mark)
        if known.log is not None and self._locks.are_working:
            # What a crash has left behind the last commit is committed now, or cut off.
            with contextlib.suppress(StoreUnavailableError):
                lock = self.try_lock()
                turn = self.begin(known, 0, lock) if lock else None
                if turn is not None:
                    if not turn.is_current:
                        self.catch_up(turn)
                    known = turn.known
                    turn.close()
        return known

    def try_lock(self) -> WriteLock | None:
        """Be the only writer; None: another is. Raises: StoreUnavailableError."""
        with translate_os_errors("write", self.path):
            return self._locks.try_lock()

    def lock(self) -> WriteLock:
        """Be the only writer, however long it takes. Blocks. Raises: StoreUnavailableError."""
        while (lock := self._lock_waiting()) is None:
            time.sleep(POLL_S)
        return lock

    def _lock_waiting(self) -> WriteLock | None:
        with translate_os_errors("write", self.path):
            return self._locks.try_lock(block=True)

    def busy_error(self) -> StoreUnavailableError:
        """The error for a turn that one has waited for in vain; who has it is logged."""
        try:
            with translate_os_errors("write", self.path):
                raise timeout_error(self.path, self.lock_timeout_s)
        except StoreUnavailableError as error:
            return error

    def begin(
        self, known: Known, size: int, lock: WriteLock, *, whole: bool = False
    ) -> Turn | None:
        """Begin a turn to write so many articles; None: not without one who makes a checkpoint.

        `whole`: what is written goes into the store's file, however little it is.
        What is known may not be the newest state: `catch_up`. Raises: StoreUnavailableError.
        """
        with translate_os_errors("write", self.path), contextlib.ExitStack() as held:
            file, log = self._reader.signatures()
            is_new = file is None or log is None
            share = len(known.state.snapshot.articles) // LARGE_SHARE
            whole = whole or is_new or size >= max(LARGE_BATCH, share)
            if whole and not self._locks.try_lock_checkpoint(held):
                if is_new:
                    lock.close()
                    return None
                whole = False  # the log takes it as well
            is_same = known.is_all(file, log) and known.mark == self.committed.words[0]
            turn = Turn(known, lock, held.pop_all(), whole=whole, is_current=is_same and not is_new)
            if file == known.checkpoint and log and known.log and log.inode == known.log.inode:
                turn.is_near = log.size_bytes - known.end <= LITTLE_BYTES
            return turn

    def catch_up(self, turn: Turn) -> None:
        """Know the newest state in one's turn. Ends the turn on errors.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        try:
            with translate_os_errors("write", self.path):
                known = self.follower.newest(turn.known)
                if known.log and not turn.whole:
                    known.log.cut(known.end)
                turn.known = self.commit(turn, known)
                turn.is_current = True
        except BaseException:
            turn.close()
            raise

    def write(self, turn: Turn, text: bytes, state: State) -> Known:
        """Have a record on the disk, after which the store is in this state.

        It is neither committed nor is the turn over: `commit`. Raises: StoreUnavailableError: it
        was not done. OutcomeUnknownError.
        """
        known = turn.known
        with translate_os_errors("write", self.path):
            if turn.whole or known.log is None:
                if known.log is None and not is_file_at(turn.lock.handle, lock_file(self.path)):
                    # Nothing else keeps others from making the store.
                    raise BlockingIOError(errno.EWOULDBLOCK, "its lock file was removed")
                return self.checkpoints.write_whole(known, state)
            line = line_of(text)
            known.log.append(known.end, line)
            return msgspec.structs.replace(known, state=state, end=known.end + len(line))

    def commit(self, turn: Turn, known: Known) -> Known:
        """Let all processes see what was written. Some microseconds."""
        mark = self._locks.commit(turn.lock, known.log, known.end)
        return msgspec.structs.replace(known, mark=mark)

    def close(self, known: Known, lock_timeout_s: float) -> None:
        """Take into the store's file what the log holds, unless others write all that time.

        Raises: StoreError.
        """
        if known.log is not None and known.end > known.log.start:
            with translate_os_errors("write", self.path):
                lock = poll_until(self._locks.try_lock, lock_timeout_s, self.path)
            turn = self.begin(known, 0, lock, whole=True)
            if turn is None:
                return
            with contextlib.closing(turn):
                self.catch_up(turn)
                known = turn.known
                if turn.whole and known.log and known.end > known.log.start:
                    with translate_os_errors("write", self.path):
                        whole = self.checkpoints.write_whole(known, known.state, gives_up=True)
                        self.commit(turn, whole)
        self._locks.close()
