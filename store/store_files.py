"""The embedded store on the disk: the TinyDB file as checkpoint, and the log of what came after.

Several processes may use one store. Writers take turns by a lock; all follow the log to see what
the others wrote. A checkpoint takes in what the log holds and puts a new log in its place:

1. aside, while others go on appending: the store's file for a state that stands in the log,
2. in a turn: aside, the new log, which names that file and repeats what was appended meanwhile,
3. the file is put in place, then the log.

A crash after any step is harmless: a file that is newer than its log says where it stands in it.
Everything here blocks: it is for threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from .atomic_file import (
    Signature,
    discard_aside,
    locked,
    put_in_place,
    remove_leftovers,
    signature,
    unavailable,
    write_aside,
)
from .change_log import FORMAT, DamagedLineError, Header, Log, Place, line_of, text_of
from .checkpoint import Checkpoint, read_checkpoint
from .cursors import Cursors
from .errors import StoreCorruptError
from .known import Known, Turn
from .snapshot import IndexedSnapshot
from .state import State
from .steps import PAUSE_S, finish, free
from .tinydb_storage import write_tables_aside

LOG_BYTES = 4 << 20
"""How large the log may grow, where the store's file is not larger itself."""

LARGE_BATCH = 1_000
LARGE_SHARE = 32
"""From how many articles on, and which part of all, a group of batches goes into a checkpoint and
not into the log: so many that who follows the store may as well read it anew.
"""


class _OtherFilesError(Exception):
    """The files do not go on from what is known of them."""


class StoreFiles:
    """A store's files. Keeps no state but the tables of the last checkpoint it knows."""

    def __init__(
        self, path: Path, history_limit: int, log_bytes: int, cursor_key: bytes | None = None
    ) -> None:
        self.path = path
        self.log_path = path.with_name(f"{path.name}.log")
        self._checkpoint_turn = path.with_name(f"{path.name}.checkpoint")
        self.history_limit = history_limit
        self._log_bytes = log_bytes
        self._cursor_key = cursor_key  # of a store that is made here
        self._base = Checkpoint()  # so that a checkpoint costs what differs

    def open(self) -> Known:
        """The store as it is. Removes what crashes have left.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        with unavailable("open", self.path):
            self.path.parent.stat()
        remove_leftovers(self.path, self._checkpoint_turn)
        remove_leftovers(self.log_path, self.path)
        known = self._read(self._nothing())
        if not self.is_current(known):
            with contextlib.suppress(OSError), locked(self.path, wait=False):
                known = self._follow(known)
                if known.log:
                    known.log.cut(known.end)
        return known

    def is_current(self, known: Known) -> bool:
        """Whether nothing was written since. Two system calls. Files that vanished say nothing."""
        with unavailable("read", self.path):
            return known.is_all(*self._signatures())

    def follow(self, known: Known) -> Known:
        """The newest state. Raises: StoreCorruptError. StoreUnavailableError."""
        with unavailable("read", self.path):
            if signature(self.path) != known.checkpoint:
                # A writer is replacing file and log: wait until both are.
                with contextlib.suppress(OSError), locked(self.path):
                    pass
            return self._follow(known)

    def begin(self, known: Known, size: int, *, whole: bool = False) -> Turn:
        """Be the only writer, of so many articles, and know the newest state.

        `whole`: what is written goes into the store's file, however little it is.
        Raises: StoreCorruptError. StoreUnavailableError.
        """
        with unavailable("write", self.path), contextlib.ExitStack() as held:
            share = len(known.state.snapshot.articles) // LARGE_SHARE
            whole = whole or size >= max(LARGE_BATCH, share) or None in self._signatures()
            if whole:
                held.enter_context(locked(self._checkpoint_turn))
            held.enter_context(locked(self.path))
            known = self._follow(known)
            if known.log and not whole:
                known.log.cut(known.end)
            return Turn(known, held.pop_all(), whole=whole)

    def begin_at_once(self, known: Known) -> Turn | None:
        """The same without waiting for anything: None where others write or have written."""
        with unavailable("write", self.path), contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self.path, wait=False))
            except BlockingIOError:
                return None
            file, log = self._signatures()
            if file is None or log is None or not known.is_all(file, log):
                return None
            return Turn(known, held.pop_all(), whole=False)

    def write(self, turn: Turn, text: bytes, state: State) -> Known:
        """Have a record on the disk, after which the store is in this state. Ends the turn.

        Raises: StoreUnavailableError: it was not done.
        """
        known = turn.known
        with unavailable("write", self.path), contextlib.closing(turn):
            if turn.whole or known.log is None:
                return self._written_whole(known, state)
            line = line_of(text)
            known.log.append(known.end, line)
            return msgspec.structs.replace(known, state=state, end=known.end + len(line))

    def wants_checkpoint(self, known: Known) -> bool:
        """Whether the log has grown beyond its bounds."""
        size_bytes = known.checkpoint.size_bytes if known.checkpoint else 0
        return known.end > max(self._log_bytes, size_bytes)

    def checkpoint(self, known: Known) -> None:
        """Take into the store's file what the log holds; others may write meanwhile.

        `known` comes from `write`. Does nothing where another process is at it.
        Raises: StoreUnavailableError.
        """
        with (
            unavailable("write", self.path),
            contextlib.suppress(BlockingIOError),
            locked(self._checkpoint_turn, wait=False),
        ):
            self._take_in(known)

    def close(self, known: Known) -> None:
        """Take into the store's file what the log holds, and wait for it. Raises: StoreError."""
        if known.log is None or known.end == known.log.start:
            return
        with (
            unavailable("write", self.path),
            contextlib.closing(self.begin(known, 0, whole=True)) as turn,
        ):
            known = turn.known
            if known.log and known.end > known.log.start:
                self._written_whole(known, known.state)

    def _written_whole(self, known: Known, state: State) -> Known:
        """Make a checkpoint of a state that need not be in the log. In a whole turn."""
        base = self._base.of(state, known.state.name)
        found = write_tables_aside(self.path, base.tables)
        with self._discarded_on_error():
            self._replace(state, found)
        self._go_on_from(base)
        log = Log.open(self.log_path)
        return Known(state, found, log, log.start if log else 0)

    def _take_in(self, known: Known) -> None:
        base = self._base.of(known.state, known.state.name, PAUSE_S)
        found = write_tables_aside(self.path, base.tables, PAUSE_S)
        with self._discarded_on_error(), locked(self.path):
            log = signature(self.log_path)
            if known.log is None or log is None or log.inode != known.log.inode:
                discard_aside(self.path)  # another process has done it meanwhile
                return
            repeats = Place(known.log.inode, known.end)
            self._replace(known.state, found, known.log.raw(known.end), repeats)
        self._go_on_from(base, PAUSE_S)

    def _go_on_from(self, base: Checkpoint, pause_s: float = 0) -> None:
        contents, self._base = self._base.contents(), base
        free(contents, pause_s)

    def _replace(
        self,
        state: State,
        found: Signature,
        lines: Iterable[bytes] = (),
        repeats: Place | None = None,
    ) -> None:
        """Put the file that was written aside in place, and a log that goes on from it."""
        header = Header(format=FORMAT, after=state.name, checkpoint=found, repeats=repeats)
        write_aside(self.log_path, chain([line_of(text_of(header))], lines), like=self.path)
        try:
            put_in_place(self.path)
        except BaseException:
            discard_aside(self.log_path)
            raise
        put_in_place(self.log_path)

    @contextlib.contextmanager
    def _discarded_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            discard_aside(self.path)
            raise

    def _follow(self, known: Known) -> Known:
        if self.is_current(known):
            return known
        try:
            return self._read_on(known)
        except (_OtherFilesError, DamagedLineError):
            return self._read(known)

    def _read_on(self, known: Known) -> Known:
        """The newest state, from what the log says beyond what is known."""
        old = known.log
        if old is None:
            raise _OtherFilesError
        now = signature(self.log_path)
        if now is not None and now.inode == old.inode and now.size_bytes < known.end:
            raise _OtherFilesError  # a backup was copied over it
        # Looked at first: a log that was replaced is finished, so its rest is read to the end.
        known = self._replayed(known, old, known.end)
        if now is None or now.inode == old.inode:
            if signature(self.path) not in (None, known.checkpoint):
                raise _OtherFilesError
            return known
        log = Log.open(self.log_path)
        if log is None or log.header.checkpoint != signature(self.path):
            raise _OtherFilesError
        known = msgspec.structs.replace(known, checkpoint=log.header.checkpoint)
        start = log.place_of(old, known.end)
        return self._replayed(known, log, log.start if start is None else start)

    def _read(self, known: Known) -> Known:
        """The newest state, from the files alone. Raises: StoreCorruptError."""
        while True:
            before = self._signatures()
            with unavailable("read", self.path):
                try:
                    return self._read_files(known.state)
                except DamagedLineError as damage:
                    error = self._damaged(damage)
                except _OtherFilesError:
                    error = self._strange()
            if self._signatures() == before:
                raise error

    def _read_files(self, old: State) -> Known:
        # Opened first: what is appended from now on will be found behind its end.
        log = Log.open(self.log_path)
        found = signature(self.path)
        base = read_checkpoint(self.path, self._base)
        self._go_on_from(base)
        if found is None and (log is None or not log.read(log.start).records):
            return self._nothing()  # the file was removed, and all that was written with it
        known = Known(base.state(old), found)
        if log is None:
            return known
        return self._replayed(known, log, log.start, base.meta.log)

    def _nothing(self) -> Known:
        """What is known of a store that has no file, which will have a key of its own."""
        snapshot = IndexedSnapshot.build(cursors=Cursors(self._cursor_key))
        return Known(State(snapshot))

    def _replayed(self, known: Known, log: Log, start: int, also: str | None = None) -> Known:
        """What a log says beyond a known state, which stands in it by its own name or as `also`.

        Raises: _OtherFilesError: it does not. DamagedLineError. OSError.
        """
        version = known.state.name
        tail = log.read(start)
        first = log.header.after if start == log.start else version
        names = [first, *(record.version for record in tail.records)]
        places = [place for place, name in enumerate(names) if name in (version, also)]
        if not places:
            raise _OtherFilesError
        records = tail.records[places[-1] :]
        for record in records:
            if record.before != version:
                raise _OtherFilesError
            version = record.version
        state = finish(known.state.after(records, self.history_limit))
        return Known(state, known.checkpoint, log, tail.end)

    def _signatures(self) -> tuple[Signature | None, Signature | None]:
        return signature(self.path), signature(self.log_path)

    def _damaged(self, damage: DamagedLineError) -> StoreCorruptError:
        return StoreCorruptError(
            f"Line {damage.number} of the store's log {self.log_path} is damaged: {damage}. "
            f"Nothing was changed. Put a backup of {self.path.name} and its log in their place. "
            "Or keep a copy, and remove that line and those after it, with what they wrote."
        )

    def _strange(self) -> StoreCorruptError:
        return StoreCorruptError(
            f"The store {self.path} and its log {self.log_path.name} do not belong together: one "
            "was replaced or removed without the other. Nothing was changed. Put back the one that "
            f"is missing, or move the log aside (mv) to go on from {self.path.name} alone."
        )
