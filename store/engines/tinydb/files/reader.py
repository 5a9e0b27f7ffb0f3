"""Reading a store's file and log from their beginning: the state that they hold by themselves.

A log that does not name the file is another store's, or an older or a newer copy, and is refused,
as is a file whose log is missing.
"""

from __future__ import annotations

from pathlib import Path

from store.concurrency.cooperative import free_gradually, run_to_end
from store.engines.indexed.snapshot import IndexedSnapshot
from store.errors import StoreCorruptError
from store.filesystem.atomic_file import FileSignature, file_signature
from store.querying.cursors import CursorCodec

from .checkpoint import Checkpoint, read_checkpoint
from .commit_mark import end_in
from .locks import StoreLocks
from .os_errors import translate_os_errors
from .position import Known
from .replay import OtherFilesError, records_beyond
from .state import State
from .storage import REMEDY, Meta
from .write_ahead_log import DamagedLineError, Log, Record, log_file


class StoreReader:
    """Reads a store's files anew.

    Attributes:
        base: The checkpoint that was read or written last: what is as in it is not made again.
    """

    def __init__(
        self, path: Path, locks: StoreLocks, history_limit: int, cursor_key: bytes | None = None
    ) -> None:
        self.base = Checkpoint()
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._history_limit = history_limit
        self._cursor_key = cursor_key  # of a store that is made here

    def state(self) -> State:
        """The state that the files hold, by themselves. Writes nothing.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        return self.read(self.empty(), self._locks.mark()).state

    def empty(self) -> Known:
        """What is known of a store that has no file, which will have a key of its own."""
        snapshot = IndexedSnapshot.build(cursors=CursorCodec(self._cursor_key))
        return Known(State(snapshot))

    def read(self, known: Known, mark: int | None) -> Known:
        """The newest state, from the files alone; what is as in the known one is not made again.

        `mark`: as of what is committed; None: all that is there.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        while True:
            before = self.signatures()
            with translate_os_errors("read", self._path):
                try:
                    return self._read_files(known.state, mark)
                except DamagedLineError as damage:
                    error = self._damaged(damage)
                except OtherFilesError as reason:
                    error = self._strange(reason)
            if self.signatures() == before:
                if mark is None:
                    raise error
                mark = None  # an old one, after a power cut or with a restored backup

    def replayed(
        self, known: Known, log: Log, start: int, end: int | None, file: Meta | None = None
    ) -> Known:
        """What a log says beyond a known state, which stands in it by its own name or as `file`.

        `end`: how far to read; None reads all.

        Raises: OtherFilesError: it does not. DamagedLineError. OSError.
        """
        tail = log.read(start, end)
        records = records_beyond(known.state.name, log, start, tail, file)
        state = run_to_end(known.state.after(records, self._history_limit))
        return Known(state, known.checkpoint, log, tail.end, known.mark)

    def signatures(self) -> tuple[FileSignature | None, FileSignature | None]:
        """The present states of file and log. Raises: OSError."""
        return file_signature(self._path), file_signature(self._log_path)

    def go_on_from(self, base: Checkpoint, pause_s: float = 0) -> None:
        """Take another checkpoint as the base, and free the one before in pieces."""
        contents, self.base = self.base.contents(), base
        free_gradually(contents, pause_s)

    def _read_files(self, old: State, mark: int | None) -> Known:
        # Opened first: what is appended from now on will be found behind its end.
        receipt = self._locks.receipt()
        log = Log.open(self._log_path)
        found = file_signature(self._path)
        base = read_checkpoint(self._path, self.base)
        self.go_on_from(base)
        if found is None:
            if log is None or (log.header.checkpoint is None and not _has_records(log)):
                return self.empty()
            raise OtherFilesError("The file is missing.")
        known = Known(base.state(old), found)
        if log is None:
            if base.meta.checksum and base.meta.log is not None:
                raise OtherFilesError("The log is missing, with what was written last.")
            return known
        end = None if mark is None else end_in(mark, log)
        known = self.replayed(known, log, log.start, end, base.meta)
        if receipt is not None:
            receipt.check_whole(log, known.end, end, self._path)
        return known

    def _damaged(self, damage: DamagedLineError) -> StoreCorruptError:
        return StoreCorruptError(
            f"Line {damage.number} of the store's log {self._log_path} is damaged: {damage}. "
            f"{REMEDY}"
        )

    def _strange(self, reason: OtherFilesError) -> StoreCorruptError:
        return StoreCorruptError(
            f"The store {self._path} and its log {self._log_path.name} do not belong together: one "
            f"was replaced or removed without the other. {reason} Put back the one that is "
            f"missing. {REMEDY}"
        )


def _has_records(log: Log) -> bool:
    return any(isinstance(each, Record) for each in log.read(log.start).entries)
