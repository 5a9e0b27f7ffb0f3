"""The embedded store on the disk: the TinyDB file as checkpoint, and the log of what came after.

Several processes may use one store. Writers take turns by a lock, and say in the lock file how far
the log is committed; all follow the log up to there, to see what the others wrote. A checkpoint
takes in what the log holds and puts a new log in its place:

1. aside, while others go on appending: the store's file for a state that stands in the log,
2. in a turn: aside, the new log, which names that file and repeats what was appended meanwhile,
3. a line is added to the old log, which names the file that takes it in,
4. the file is put in place, then the log.

A crash after any step is harmless: both logs name the file. A log that does not name it is another
store's, or an older or a newer copy, and is refused, as is a file whose log is missing.
The lock file may be removed at any time: the log is locked as well, by who appends to it or
replaces it. Nobody waits without bound, since a process may be stopped in its turn.
Everything here blocks: it is for threads.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from .atomic_file import (
    Signature,
    discard_aside,
    keep_aside,
    put_in_place,
    remove_leftovers,
    signature,
    unavailable,
    write_aside,
)
from .change_log import (
    FORMAT,
    DamagedLineError,
    Header,
    Log,
    Place,
    Record,
    TakenIn,
    line_of,
    text_of,
)
from .checkpoint import Checkpoint, read_checkpoint
from .committed import Committed, Receipt, end_in, is_about, mark_of, receipt_of
from .cursors import Cursors
from .errors import OutcomeUnknownError, StoreCorruptError, StoreUnavailableError
from .file_lock import (
    LOOK_AGAIN_S,
    WAIT_S,
    busy,
    holder,
    is_at,
    lock_file,
    locked,
    name_holder,
    try_lock,
    waited,
    without_locks,
)
from .known import Known, Turn, WriteLock
from .owner_file import OwnerFile
from .snapshot import IndexedSnapshot
from .state import State
from .steps import PAUSE_S, finish, free, paced
from .tinydb_storage import FORMAT as FILE_FORMAT
from .tinydb_storage import REMEDY, Meta, StoreText, Tables

LOG_BYTES = 4 << 20
"""How large the log may grow, where the store's file is not larger itself."""

LARGE_BATCH = 1_000
LARGE_SHARE = 32
"""From how many articles on, and which part of all, a group of batches goes into a checkpoint and
not into the log: so many that who follows the store may as well read it anew.
"""

LITTLE_BYTES = 1 << 14
"""How much of the log is read in less time than it takes to have a thread do it."""

READ_WAIT_S = 1.0
"""How long a reader waits for who is replacing file and log."""

_log = logging.getLogger(__name__)


class _OldLogError(StoreUnavailableError):
    """The store's file is in place, and the log that was to go on from it is not."""


class _OtherFilesError(Exception):
    """The files do not go on from what is known of them."""


class StoreFiles:
    """A store's files.

    Keeps no state but the tables of the last checkpoint it knows.

    Attributes:
        wait_s: How long a writer waits for others.
        give_up_at: When a checkpoint is given up, by the monotonic clock.
        is_awaiting_turn: A checkpoint waits for its turn; a writer that never pauses leaves none.
    """

    def __init__(
        self,
        path: Path,
        history_limit: int,
        log_bytes: int,
        wait_s: float = WAIT_S,
        cursor_key: bytes | None = None,
    ) -> None:
        self.path = path
        self.log_path = path.with_name(f"{path.name}.log")
        self._checkpoint_turn = path.with_name(f"{path.name}.checkpoint")
        self.history_limit = history_limit
        self.wait_s = wait_s
        self.give_up_at = float("inf")
        self.is_awaiting_turn = False
        self.committed = Committed(lock_file(path))
        self._log_bytes = log_bytes
        self._cursor_key = cursor_key  # of a store that is made here
        self._base = Checkpoint()  # so that a checkpoint costs what differs
        self._owner: OwnerFile | None = None
        self._owners_turn, self._owners_checkpoint = threading.Lock(), threading.Lock()

    def open(self) -> Known:
        """The store as it is. Removes what crashes have left.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        with unavailable("open", self.path):
            self.path.parent.stat()
        file_system = without_locks(self.path.parent)
        if file_system is None:
            remove_leftovers(self.path, self._checkpoint_turn)
            remove_leftovers(self.log_path, self.path)
            with contextlib.suppress(OSError), locked(self.path, wait_s=0):
                pass  # it makes the lock file
        else:
            self._owner = OwnerFile(self.path, file_system)
            _log.warning(
                "Locks do not work on the file system (%s) of the store %s: only the first process "
                "that writes to it may, and others see late what it writes. Run one process, or "
                "keep the store on a local disk.",
                file_system,
                self.path,
            )
        mark = self._mark()
        known = _seen(self._read(self._nothing(), mark), mark)
        if known.log is not None and self._owner is None:
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

    def is_current(self, known: Known) -> bool:
        """Whether the files hold nothing else. Files that vanished say nothing."""
        with unavailable("read", self.path):
            return known.is_all(*self._signatures())

    def is_untouched(self, known: Known) -> bool:
        """Whether nothing happened to the files but what is known. Three system calls."""
        return self.is_current(known) and self.committed.is_at_path()

    def mark(self, known: Known) -> int | None:
        """How far to follow, by what is committed; None where one has to wait for it: `settle`."""
        mark = self._mark()
        if not self.committed.is_mapped:
            return mark
        if mark != known.mark:
            if known.log and is_about(mark, known.log.inode):
                return mark
            with unavailable("read", self.path):
                log = signature(self.log_path)
            if log is not None and is_about(mark, log.inode):
                return mark
        return None

    def settle(self, known: Known) -> int:
        """How far to follow, once nobody is about to replace file and log. Blocks, for a second.

        Raises: StoreUnavailableError.
        """
        with unavailable("read", self.path):
            is_news = self._mark() != known.mark
            try:
                return self._marked_anew(READ_WAIT_S if is_news else 0)
            except BlockingIOError:
                if is_news:
                    raise
                return known.mark  # somebody is at it, and will mark what there is to see

    def follow(self, known: Known, mark: int) -> Known:
        """The state that is committed so. Raises: StoreCorruptError. StoreUnavailableError."""
        with unavailable("read", self.path):
            if mark != known.mark and known.log and is_about(mark, known.log.inode):
                with contextlib.suppress(_OtherFilesError, DamagedLineError):
                    found = self._replayed(known, known.log, known.end, end_in(mark, known.log))
                    return msgspec.structs.replace(found, mark=mark)
            return self._follow(known, mark)

    def is_near(self, known: Known, mark: int) -> bool:
        """Whether to `follow` is a matter of some records."""
        end = end_in(mark, known.log) if known.log else None
        return end is not None and mark != known.mark and end - known.end <= LITTLE_BYTES

    def try_lock(self) -> WriteLock | None:
        """Be the only writer; None: another is. Raises: StoreUnavailableError."""
        with unavailable("write", self.path):
            return self._try_lock()

    def lock(self) -> WriteLock:
        """Be the only writer, however long it takes. Blocks. Raises: StoreUnavailableError."""
        while (lock := self._lock_waiting()) is None:
            time.sleep(LOOK_AGAIN_S)
        return lock

    def _lock_waiting(self) -> WriteLock | None:
        with unavailable("write", self.path):
            return self._try_lock(waits=True)

    def begin(
        self, known: Known, size: int, lock: WriteLock, *, whole: bool = False
    ) -> Turn | None:
        """Begin a turn to write so many articles; None: not without one who makes a checkpoint.

        `whole`: what is written goes into the store's file, however little it is.
        What is known may not be the newest state: `catch_up`. Raises: StoreUnavailableError.
        """
        with unavailable("write", self.path), contextlib.ExitStack() as held:
            file, log = self._signatures()
            is_new = file is None or log is None
            share = len(known.state.snapshot.articles) // LARGE_SHARE
            whole = whole or is_new or size >= max(LARGE_BATCH, share)
            if whole and not self._try_lock_checkpoint(held):
                if is_new:
                    lock.close()
                    return None
                whole = False  # the log takes it as well
            is_same = known.is_all(file, log) and known.mark == self.committed.words[0]
            turn = Turn(known, lock, held.pop_all(), whole=whole, is_current=is_same and not is_new)
            if file == known.checkpoint and log and known.log and log.inode == known.log.inode:
                turn.is_near = log.size_bytes - known.end <= LITTLE_BYTES
            return turn

    def busy_error(self) -> StoreUnavailableError:
        """The error for a turn that one has waited for in vain; who has it is logged."""
        try:
            with unavailable("write", self.path):
                raise busy(self.path, self.wait_s)
        except StoreUnavailableError as error:
            return error

    def catch_up(self, turn: Turn) -> None:
        """Know the newest state in one's turn. Ends the turn on errors.

        `whole`: what is written goes into the store's file, however little it is.
        Raises: StoreCorruptError. StoreUnavailableError.
        """
        try:
            with unavailable("write", self.path):
                known = self._follow(turn.known, None)
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
        with unavailable("write", self.path):
            if turn.whole or known.log is None:
                if known.log is None and not is_at(turn.lock.handle, lock_file(self.path)):
                    # Nothing else keeps others from making the store.
                    raise BlockingIOError(errno.EWOULDBLOCK, "its lock file was removed")
                return self._written_whole(known, state)
            line = line_of(text)
            known.log.append(known.end, line)
            return msgspec.structs.replace(known, state=state, end=known.end + len(line))

    def commit(self, turn: Turn, known: Known) -> Known:
        """Let all processes see what was written. Some microseconds."""
        return msgspec.structs.replace(known, mark=self._commit(turn.lock, known.log, known.end))

    def wants_checkpoint(self, known: Known) -> bool:
        """Whether the log has grown beyond its bounds."""
        return known.end > self._bound(known)

    def outgrown(self, known: Known) -> str | None:
        """What to tell people of a log that is twice as large as it should be; else None."""
        if known.end <= 2 * self._bound(known):
            return None
        pid = holder(self._checkpoint_turn)
        who = "the process that is at it" if pid is None else f"process {pid}, which is at it,"
        return (
            f"The log {self.log_path} has grown to {known.end / 1e6:,.1f} MB, more than twice its "
            f"bound, as the store's file does not take it in. Nothing is lost. See that the disk "
            f"has room; if {who} is stopped, let it go on (kill -CONT) or end it."
        )

    def checkpoint(self, known: Known) -> bool:
        """Take into the store's file what the log holds; others may write meanwhile.

        `known` comes from `write`. False where another process is at it.
        Raises: StoreUnavailableError.
        """
        with unavailable("write", self.path), contextlib.ExitStack() as held:
            is_mine = self._try_lock_checkpoint(held)
            if is_mine:
                self._take_in(known)
        return is_mine

    def close(self, known: Known, wait_s: float) -> None:
        """Take into the store's file what the log holds, unless others write all that time.

        Raises: StoreError.
        """
        if known.log is not None and known.end > known.log.start:
            with unavailable("write", self.path):
                lock = waited(self._try_lock, wait_s, self.path)
            turn = self.begin(known, 0, lock, whole=True)
            if turn is None:
                return
            with contextlib.closing(turn):
                self.catch_up(turn)
                known = turn.known
                if turn.whole and known.log and known.end > known.log.start:
                    with unavailable("write", self.path):
                        whole = self._written_whole(known, known.state, gives_up=True)
                        self.commit(turn, whole)
        if self._owner is not None:
            self._owner.give_up()

    def read(self) -> State:
        """The state that the files hold, by themselves. Writes nothing.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        return self._read(self._nothing(), self._mark()).state

    def put(self, state: State) -> Sequence[Path]:
        """Put a state in the place of whatever the files hold, and keep those aside: their paths.

        Raises: StoreUnavailableError. OutcomeUnknownError.
        """
        with unavailable("replace", self.path), contextlib.ExitStack() as held:
            waited(lambda: self._try_lock_checkpoint(held) or None, self.wait_s, self.path)
            lock = waited(self._try_lock, self.wait_s, self.path)
            held.callback(lock.close)
            kept = keep_aside(self.path, self.log_path)
            known = self._present_log()
            base = Checkpoint().of(state, known.state.name)
            file = self._write_aside(base.tables, 0, gives_up=False)
            with self._discarded_on_error():
                if known.log is None:
                    self.log_path.unlink(missing_ok=True)
                self._replace(known, state, file)
            log = Log.open(self.log_path)
            self._commit(lock, log, log.start if log else 0)
        return kept

    def _present_log(self) -> Known:
        """The log that is there, if it can be read, and the name of the state at its end."""
        try:
            log = Log.open(self.log_path)
            if log is None:
                return Known()
            tail = log.read(log.start)
        except DamagedLineError:
            return Known()
        log.cut(tail.end)
        names = [each.version for each in tail.entries if isinstance(each, Record)]
        meta = Meta(format=FILE_FORMAT, version=names[-1] if names else log.header.after)
        return Known(Checkpoint(meta=meta).state(State()), None, log, tail.end)

    def _bound(self, known: Known) -> int:
        size_bytes = known.checkpoint.size_bytes if known.checkpoint else 0
        return max(self._log_bytes, size_bytes)

    def _mark(self) -> int:
        return 0 if self._owner is not None else self.committed.read()

    def _marked_anew(self, wait_s: float) -> int:
        """Have the whole log committed, once nobody writes. Raises: BlockingIOError."""
        try:
            lock = waited(self._try_lock, wait_s, self.path)
        except PermissionError:  # who may only read believes the files
            return self._mark()
        with contextlib.closing(lock):
            try:
                receipt = self._receipt()
                log = Log.open(self.log_path)
                end = log.read(log.start).end if log else 0
                if log:
                    self._check_whole(receipt, log, end, None)
            except DamagedLineError:
                return 0  # whoever reads it will say what is wrong
            return self._commit(lock, log, end)

    def _commit(self, lock: WriteLock, log: Log | None, end: int) -> int:
        """Have the mark written, and return how this process sees it."""
        if self._owner is not None:
            return 0
        mark = mark_of(log.inode, end) if log else 0
        receipt = receipt_of(log, end, self.path) if log else None
        return self.committed.write(lock.handle, mark, receipt)

    def _receipt(self) -> Receipt | None:
        """How far the log was committed. To be read before the log, which may grow meanwhile."""
        return None if self._owner is not None else self.committed.receipt()

    def _check_whole(self, receipt: Receipt | None, log: Log, end: int, limit: int | None) -> None:
        """Raise DamagedLineError where a log that was read up to `limit` ends before it should."""
        if receipt is None or not receipt.is_about(log, self.path):
            return
        least = receipt.end if limit is None else min(limit, receipt.end)
        if end < least:
            missing = f"what was committed is missing from here on, {least - end:,} bytes"
            raise DamagedLineError(log.number_of(end), missing)

    def _try_lock(self, *, waits: bool = False) -> WriteLock | None:
        """Be the only writer; None: another is. Raises: OSError. StoreUnavailableError.

        `waits`: for who has it, but not for who has it by a lock file that was removed.
        """
        with contextlib.ExitStack() as held:
            if self._owner is not None:
                self._owner.claim()
                if not self._owners_turn.acquire(blocking=waits):
                    return None
                held.callback(self._owners_turn.release)
                return WriteLock(-1, held.pop_all())
            handle = try_lock(lock_file(self.path), waits=waits)
            if handle is None:
                return None
            held.callback(os.close, handle)
            log = try_lock(self.log_path, makes=False)
            if log is not None:
                held.callback(os.close, log)
            elif self.log_path.exists():
                return None
            name_holder(handle)
            return WriteLock(handle, held.pop_all())

    def _try_lock_checkpoint(self, held: contextlib.ExitStack) -> bool:
        """Be the only one who makes a checkpoint until the stack is closed. Raises: OSError."""
        if self._owner is not None:
            self._owner.claim()
            if not self._owners_checkpoint.acquire(blocking=False):
                return False
            held.callback(self._owners_checkpoint.release)
            return True
        try:
            held.enter_context(locked(self._checkpoint_turn, wait_s=0))
        except BlockingIOError:
            return False
        return True

    def _write_aside(self, tables: Tables, pause_s: float, *, gives_up: bool) -> _File:
        """Write the store's next file, to be put in place. Raises: OSError."""
        text = StoreText(tables)
        pieces = paced(text, pause_s)
        found = write_aside(self.path, self._while_wanted(pieces) if gives_up else pieces)
        return _File(found, text.checksum)

    def _while_wanted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if time.monotonic() >= self.give_up_at:
                raise StoreUnavailableError(f"The store {self.path} is being closed.")
            yield piece

    def _written_whole(self, known: Known, state: State, *, gives_up: bool = False) -> Known:
        """Make a checkpoint of a state that need not be in the log. In a whole turn."""
        base = self._base.of(state, known.state.name)
        file = self._write_aside(base.tables, 0, gives_up=gives_up)
        try:
            with self._discarded_on_error():
                self._replace(known, state, file)
        except _OldLogError:  # it is done: the file says where it stands in the log that is there
            return self._read(known, None)
        self._go_on_from(base)
        log = Log.open(self.log_path)
        return Known(state, file.signature, log, log.start if log else 0)

    def _take_in(self, known: Known) -> None:
        base = self._base.of(known.state, known.state.name, PAUSE_S)
        file = self._write_aside(base.tables, PAUSE_S, gives_up=True)
        with self._discarded_on_error(), contextlib.closing(self._checkpoint_lock()) as lock:
            log = signature(self.log_path)
            if known.log is None or log is None or log.inode != known.log.inode:
                discard_aside(self.path)  # another process has done it meanwhile
                return
            end = known.log.end_of_lines(known.end)
            known.log.cut(end)
            whole = msgspec.structs.replace(known, end=end)
            self._replace(whole, known.state, file, Place(known.log.inode, known.end))
            new = Log.open(self.log_path)
            self._commit(lock, new, new.size_bytes if new else 0)
        self._go_on_from(base, PAUSE_S)

    def _go_on_from(self, base: Checkpoint, pause_s: float = 0) -> None:
        contents, self._base = self._base.contents(), base
        free(contents, pause_s)

    def _checkpoint_lock(self) -> WriteLock:
        self.is_awaiting_turn = True
        try:
            return waited(self._try_lock, self.wait_s, self.path)
        finally:
            self.is_awaiting_turn = False

    def _replace(
        self, known: Known, state: State, file: _File, repeats: Place | None = None
    ) -> None:
        """Put the file that was written aside in place, and a log that goes on from it.

        `known`: what is there, all of it. `repeats`: from where on the new log repeats the old one.
        Raises: OSError: neither is in place. _OldLogError. OutcomeUnknownError.
        """
        is_ahead = state is not known.state and repeats is None
        entry = TakenIn(taken_in=file.checksum, version=state.name, is_ahead=is_ahead)
        taken_in = line_of(text_of(entry))
        header = Header(
            format=FORMAT,
            after=state.name,
            checkpoint=file.signature,
            file=file.checksum,
            repeats=repeats,
        )
        log = known.log if signature(self.log_path) else None
        if log is not None:
            log.append(known.end, taken_in)
        else:
            self._make_log(known, taken_in)
        try:
            lines = [line_of(text_of(header))]
            if known.log is not None and repeats is not None:
                lines += known.log.raw(repeats.offset, known.end + len(taken_in))
            new_log = write_aside(self.log_path, lines, like=self.path)
            put_in_place(self.path, file.signature)
        except OSError:
            discard_aside(self.log_path)
            if log is not None:
                log.take_back(known.end)
            raise
        except BaseException:
            discard_aside(self.log_path)
            raise
        try:
            put_in_place(self.log_path, new_log)
        except (OSError, OutcomeUnknownError) as error:
            raise _OldLogError(
                f"Cannot replace the log {self.log_path}: {error}. Look at the disk."
            ) from error

    def _make_log(self, known: Known, taken_in: bytes) -> None:
        """Put a log in place, where none is, that leads from the file that is there to the next."""
        if known.log is not None:  # it was removed, and is still open here
            before: Iterable[bytes] = known.log.raw(0, known.end)
        else:
            file = signature(self.path)
            checksum = self._base.meta.checksum if file else None
            header = Header(format=FORMAT, after=known.state.name, checkpoint=file, file=checksum)
            before = [line_of(text_of(header))]
        log = write_aside(self.log_path, chain(before, [taken_in]), like=self.path)
        put_in_place(self.log_path, log)

    @contextlib.contextmanager
    def _discarded_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            discard_aside(self.path)
            raise

    def _follow(self, known: Known, mark: int | None) -> Known:
        """The newest state; None for `mark`: of all that is there, whether committed or not."""
        file, log = self._signatures()
        if not known.is_all(file, log) or (known.log and log is None):
            try:
                known = self._read_on(known, mark)
            except (_OtherFilesError, DamagedLineError):
                known = self._read(known, mark)
        return known if mark is None else _seen(known, mark)

    def _read_on(self, known: Known, mark: int | None) -> Known:
        """The newest state, from what the log says beyond what is known."""
        old = known.log
        if old is None:
            raise _OtherFilesError
        receipt = self._receipt()
        now = signature(self.log_path)
        if now is not None and now.inode == old.inode and now.size_bytes < known.end:
            raise _OtherFilesError  # a backup was copied over it
        # Looked at first: a log that was replaced is finished, so its rest is read to the end.
        known = self._replayed(known, old, known.end, _end(mark, old))
        self._check_whole(receipt, old, known.end, _end(mark, old))
        if now is None or now.inode == old.inode:
            if signature(self.path) not in (None, known.checkpoint):
                raise _OtherFilesError
            return known
        log = Log.open(self.log_path)
        if log is None or log.header.checkpoint != signature(self.path):
            raise _OtherFilesError
        known = msgspec.structs.replace(known, checkpoint=log.header.checkpoint)
        start = log.place_of(old, known.end)
        return self._replayed(known, log, log.start if start is None else start, _end(mark, log))

    def _read(self, known: Known, mark: int | None) -> Known:
        """The newest state, from the files alone. Raises: StoreCorruptError."""
        while True:
            before = self._signatures()
            with unavailable("read", self.path):
                try:
                    return self._read_files(known.state, mark)
                except DamagedLineError as damage:
                    error = self._damaged(damage)
                except _OtherFilesError as reason:
                    error = self._strange(reason)
            if self._signatures() == before:
                if mark is None:
                    raise error
                mark = None  # an old one, after a power cut or with a restored backup

    def _read_files(self, old: State, mark: int | None) -> Known:
        # Opened first: what is appended from now on will be found behind its end.
        receipt = self._receipt()
        log = Log.open(self.log_path)
        found = signature(self.path)
        base = read_checkpoint(self.path, self._base)
        self._go_on_from(base)
        if found is None:
            if log is None or (log.header.checkpoint is None and not _records(log)):
                return self._nothing()
            raise _OtherFilesError("The file is missing.")
        known = Known(base.state(old), found)
        if log is None:
            if base.meta.checksum and base.meta.log is not None:
                raise _OtherFilesError("The log is missing, with what was written last.")
            return known
        known = self._replayed(known, log, log.start, _end(mark, log), base.meta)
        self._check_whole(receipt, log, known.end, _end(mark, log))
        return known

    def _nothing(self) -> Known:
        """What is known of a store that has no file, which will have a key of its own."""
        snapshot = IndexedSnapshot.build(cursors=Cursors(self._cursor_key))
        return Known(State(snapshot))

    def _replayed(
        self, known: Known, log: Log, start: int, end: int | None, file: Meta | None = None
    ) -> Known:
        """What a log says beyond a known state, which stands in it by its own name or as `file`.

        `end`: how far to read; None reads all.

        Raises: _OtherFilesError: it does not. DamagedLineError. OSError.
        """
        version = known.state.name
        tail = log.read(start, end)
        lines = [
            (number, entry)
            for number, entry in enumerate(tail.entries, start=2)
            if isinstance(entry, Record)
        ]
        if file is None and any(isinstance(e, TakenIn) and e.is_ahead for e in tail.entries):
            raise _OtherFilesError
        states = [log.header.after if start == log.start else version]
        states += [record.version for _, record in lines]
        names = {version} if file is None else _names(tail.entries, log.header, file)
        places = [place for place, name in enumerate(states) if name in names]
        if not places:
            raise _OtherFilesError(_NOT_ITS_LOG)
        lines = lines[places[-1] :]
        for number, record in lines:
            if record.before != version:
                if file is None:
                    raise _OtherFilesError
                raise DamagedLineError(number, "it does not go on from the one before it")
            version = record.version
        records = [record for _, record in lines]
        state = finish(known.state.after(records, self.history_limit))
        return Known(state, known.checkpoint, log, tail.end, known.mark)

    def _signatures(self) -> tuple[Signature | None, Signature | None]:
        return signature(self.path), signature(self.log_path)

    def _damaged(self, damage: DamagedLineError) -> StoreCorruptError:
        return StoreCorruptError(
            f"Line {damage.number} of the store's log {self.log_path} is damaged: {damage}. "
            f"{REMEDY}"
        )

    def _strange(self, reason: _OtherFilesError) -> StoreCorruptError:
        return StoreCorruptError(
            f"The store {self.path} and its log {self.log_path.name} do not belong together: one "
            f"was replaced or removed without the other. {reason} Put back the one that is "
            f"missing. {REMEDY}"
        )


def _records(log: Log) -> Sequence[Record]:
    return [each for each in log.read(log.start).entries if isinstance(each, Record)]


class _File(NamedTuple):
    """A store's file that was written aside: what it will be in place, and its checksum."""

    signature: Signature
    checksum: str


_NOT_ITS_LOG = "The log does not name the file: it is another one's."


def _names(
    entries: Sequence[Record | TakenIn], header: Header, file: Meta
) -> Collection[str | None]:
    """By which names the state of a file may stand in a log.

    Raises: _OtherFilesError: it is another file's log.
    """
    files = {header.file, *(each.taken_in for each in entries if isinstance(each, TakenIn))}
    if file.checksum not in files:
        raise _OtherFilesError(_NOT_ITS_LOG)
    return {file.version or "", file.log}


def _seen(known: Known, mark: int) -> Known:
    """What is known as of a mark. One about a log that is not known, and so not kept open, may come
    to stand for another state: inodes are used again.
    """
    is_about_it = known.log is not None and is_about(mark, known.log.inode)
    return msgspec.structs.replace(known, mark=mark if is_about_it else 0)


def _end(mark: int | None, log: Log) -> int | None:
    """How far a log may be read; None for all of it: the mark is about another one, or all goes."""
    return None if mark is None else end_in(mark, log)
