"""Reading a store's file and log from their beginning, as recovery does.

A log that does not name the file belongs to another store, or is an older or newer copy. It is
refused, as is a file whose log is missing.
"""

from __future__ import annotations

from pathlib import Path

from store.concurrency.cooperative import free_gradually, run_to_end
from store.engines.indexed.snapshot import IndexedSnapshot
from store.errors import StoreCorruptError
from store.filesystem.atomic_file import FileSignature, file_signature
from store.querying.cursors import CursorCodec

from .checkpoint import Checkpoint, read_checkpoint
from .commit_mark import committed_end
from .locks import StoreLocks
from .log_records import DamagedLineError, LogRecord
from .os_errors import translate_os_errors
from .position import StorePosition
from .replay import LogMismatchError, records_after
from .state import StoreState
from .storage import FileMeta, damage_remedy
from .write_ahead_log import WriteAheadLog, log_file


class StoreReader:
    """Reads a store's checkpoint, and replays its log.

    Attributes:
        base: The checkpoint that was read or written last. Equal documents are not decoded again.
    """

    def __init__(
        self, path: Path, locks: StoreLocks, history_limit: int, cursor_key: bytes | None = None
    ) -> None:
        """`cursor_key`: for a store that is created here."""
        self.base = Checkpoint()
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._history_limit = history_limit
        self._cursor_key = cursor_key

    def read_state(self) -> StoreState:
        """The state in the files. Writes nothing.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        return self.read(self.empty_position(), self._locks.read_mark()).state

    def empty_position(self) -> StorePosition:
        """The position of a store without files. It has a cursor key of its own."""
        snapshot = IndexedSnapshot.build(cursors=CursorCodec(self._cursor_key))
        return StorePosition(StoreState(snapshot))

    def read(self, old: StorePosition, mark: int | None) -> StorePosition:
        """Read the files from their beginning. Equal parts are shared with the old position.

        `mark`: the commit mark up to which the log is read; None: all of it.

        Raises: StoreCorruptError. StoreUnavailableError.
        """
        while True:
            before = self.signatures()
            with translate_os_errors("read", self._path):
                try:
                    return self._read_files(old.state, mark)
                except DamagedLineError as damage:
                    error = self._damaged_error(damage)
                except LogMismatchError as reason:
                    error = self._mismatch_error(reason)
            if self.signatures() == before:
                if mark is None:
                    raise error
                mark = None  # an outdated one, after a power cut or beside a restored backup

    def replay(
        self,
        position: StorePosition,
        log: WriteAheadLog,
        start: int,
        end: int | None,
        file: FileMeta | None = None,
    ) -> StorePosition:
        """Replay a log on a position from one offset to another; None for `end` replays all.

        `file`: see `records_after`.

        Raises: LogMismatchError. DamagedLineError. OSError.
        """
        tail = log.read(start, end)
        records = records_after(position.state.name, log, start, tail, file)
        state = run_to_end(position.state.replay(records, self._history_limit))
        return StorePosition(state, position.checkpoint, log, tail.end, position.mark)

    def signatures(self) -> tuple[FileSignature | None, FileSignature | None]:
        """The present signatures of file and log. Raises: OSError."""
        return file_signature(self._path), file_signature(self._log_path)

    def set_base(self, base: Checkpoint, pause_s: float = 0) -> None:
        """Replace the base, and free the old one gradually."""
        contents, self.base = self.base.contents(), base
        free_gradually(contents, pause_s)

    def _read_files(self, old: StoreState, mark: int | None) -> StorePosition:
        # Receipt and log first: what is appended from now on is after the end that is read.
        receipt = self._locks.read_receipt()
        log = WriteAheadLog.open(self._log_path)
        signature = file_signature(self._path)
        base = read_checkpoint(self._path, self.base)
        self.set_base(base)
        if signature is None:
            if log is None or (log.header.checkpoint is None and not _has_records(log)):
                return self.empty_position()
            raise LogMismatchError("The file is missing.")
        position = StorePosition(base.state(old), signature)
        if log is None:
            if base.meta.checksum and base.meta.log_state is not None:
                raise LogMismatchError("The log is missing, with what was written last.")
            return position
        end = None if mark is None else committed_end(mark, log)
        position = self.replay(position, log, log.start, end, base.meta)
        if receipt is not None:
            receipt.check_complete(log, position.end, end, self._path)
        return position

    def _damaged_error(self, damage: DamagedLineError) -> StoreCorruptError:
        return StoreCorruptError(
            f"Line {damage.number} of the store's log {self._log_path} is damaged: {damage}. "
            f"{damage_remedy(self._path)}"
        )

    def _mismatch_error(self, reason: LogMismatchError) -> StoreCorruptError:
        return StoreCorruptError(
            f"The store {self._path} and its log {self._log_path.name} do not belong together: one "
            f"was replaced or removed without the other. {reason} Put back the one that is "
            f"missing. {damage_remedy(self._path)}"
        )


def _has_records(log: WriteAheadLog) -> bool:
    return any(isinstance(entry, LogRecord) for entry in log.read(log.start).entries)
