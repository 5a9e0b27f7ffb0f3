"""Following a store: reading on, up to the commit mark, from what is known of its files.

All processes follow the log, to see what the others wrote. What no writer tells, such as a restored
backup, is found by a look at the files themselves.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from store.filesystem.atomic_file import file_signature
from store.filesystem.file_lock import poll_until

from .commit_mark import end_in, is_about
from .locks import StoreLocks
from .os_errors import translate_os_errors
from .position import Known
from .reader import StoreReader
from .replay import OtherFilesError
from .write_ahead_log import DamagedLineError, Log, log_file

LITTLE_BYTES = 1 << 14
"""How much of the log is read in less time than it takes to have a thread do it."""

READ_WAIT_S = 1.0
"""How long a reader waits for who is replacing file and log."""


class StoreFollower:
    """Follows a store's files. Keeps nothing of what it reads."""

    def __init__(self, path: Path, locks: StoreLocks, reader: StoreReader) -> None:
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._reader = reader

    def is_untouched(self, known: Known) -> bool:
        """Whether nothing happened to the files but what is known. Three system calls.

        Files that vanished say nothing.
        """
        with translate_os_errors("read", self._path):
            is_all = known.is_all(*self._reader.signatures())
        return is_all and self._locks.committed.is_at_path()

    def mark(self, known: Known) -> int | None:
        """How far to follow, by what is committed; None where one has to wait for it: `settle`."""
        mark = self._locks.mark()
        if not self._locks.committed.is_mapped:
            return mark
        if mark != known.mark:
            if known.log and is_about(mark, known.log.inode):
                return mark
            with translate_os_errors("read", self._path):
                log = file_signature(self._log_path)
            if log is not None and is_about(mark, log.inode):
                return mark
        return None

    def settle(self, known: Known) -> int:
        """How far to follow, once nobody is about to replace file and log. Blocks, for a second.

        Raises: StoreUnavailableError.
        """
        with translate_os_errors("read", self._path):
            is_news = self._locks.mark() != known.mark
            try:
                return self._marked_anew(READ_WAIT_S if is_news else 0)
            except BlockingIOError:
                if is_news:
                    raise
                return known.mark  # somebody is at it, and will mark what there is to see

    def is_near(self, known: Known, mark: int) -> bool:
        """Whether to `follow` is a matter of some records."""
        end = end_in(mark, known.log) if known.log else None
        return end is not None and mark != known.mark and end - known.end <= LITTLE_BYTES

    def follow(self, known: Known, mark: int) -> Known:
        """The state that is committed so. Raises: StoreCorruptError. StoreUnavailableError."""
        with translate_os_errors("read", self._path):
            if mark != known.mark and known.log and is_about(mark, known.log.inode):
                with contextlib.suppress(OtherFilesError, DamagedLineError):
                    end = end_in(mark, known.log)
                    found = self._reader.replayed(known, known.log, known.end, end)
                    return msgspec.structs.replace(found, mark=mark)
            return seen(self._newest(known, mark), mark)

    def newest(self, known: Known) -> Known:
        """The newest state, of all that is there, whether committed or not. For who has the lock.

        Raises: StoreCorruptError. StoreUnavailableError. OSError.
        """
        return self._newest(known, None)

    def _newest(self, known: Known, mark: int | None) -> Known:
        file, log = self._reader.signatures()
        if not known.is_all(file, log) or (known.log and log is None):
            try:
                return self._read_on(known, mark)
            except (OtherFilesError, DamagedLineError):
                return self._reader.read(known, mark)
        return known

    def _read_on(self, known: Known, mark: int | None) -> Known:
        """The newest state, from what the log says beyond what is known."""
        old = known.log
        if old is None:
            raise OtherFilesError
        receipt = self._locks.receipt()
        now = file_signature(self._log_path)
        if now is not None and now.inode == old.inode and now.size_bytes < known.end:
            raise OtherFilesError  # a backup was copied over it
        # Looked at first: a log that was replaced is finished, so its rest is read to the end.
        end = _end(mark, old)
        known = self._reader.replayed(known, old, known.end, end)
        if receipt is not None:
            receipt.check_whole(old, known.end, end, self._path)
        if now is None or now.inode == old.inode:
            if file_signature(self._path) not in (None, known.checkpoint):
                raise OtherFilesError
            return known
        log = Log.open(self._log_path)
        if log is None or log.header.checkpoint != file_signature(self._path):
            raise OtherFilesError
        known = msgspec.structs.replace(known, checkpoint=log.header.checkpoint)
        place = log.place_of(old, known.end)
        start = log.start if place is None else place
        return self._reader.replayed(known, log, start, _end(mark, log))

    def _marked_anew(self, lock_timeout_s: float) -> int:
        """Have the whole log committed, once nobody writes. Raises: BlockingIOError."""
        try:
            lock = poll_until(self._locks.try_lock, lock_timeout_s, self._path)
        except PermissionError:  # who may only read believes the files
            return self._locks.mark()
        with contextlib.closing(lock):
            try:
                receipt = self._locks.receipt()
                log = Log.open(self._log_path)
                end = log.read(log.start).end if log else 0
                if log and receipt is not None:
                    receipt.check_whole(log, end, None, self._path)
            except DamagedLineError:
                return 0  # whoever reads it will say what is wrong
            return self._locks.commit(lock, log, end)


def seen(known: Known, mark: int) -> Known:
    """What is known as of a mark. One about a log that is not known, and so not kept open, may come
    to stand for another state: inodes are used again.
    """
    is_about_it = known.log is not None and is_about(mark, known.log.inode)
    return msgspec.structs.replace(known, mark=mark if is_about_it else 0)


def _end(mark: int | None, log: Log) -> int | None:
    """How far a log may be read; None for all of it: the mark is about another one, or all goes."""
    return None if mark is None else end_in(mark, log)
