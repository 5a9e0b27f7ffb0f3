"""Replay of the write-ahead log: which of its records follow a state."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .log_records import CheckpointRecord, DamagedLineError, LogHeader, LogRecord
from .storage import FileMeta
from .write_ahead_log import LogTail, WriteAheadLog

_OTHER_LOG = "The log does not name the file: it belongs to another one."


class LogMismatchError(Exception):
    """The log cannot be replayed on this state or file: they do not belong together."""


def records_after(
    version: str, log: WriteAheadLog, start: int, tail: LogTail, file: FileMeta | None
) -> Sequence[LogRecord]:
    """The log records that follow a state.

    `version`: the state's name. `start`, `tail`: what was read of the log, and from which offset.
    `file`: of the file that the state was read from; None: it was replayed from this log before.

    Raises: LogMismatchError: the state is not in this part of the log. DamagedLineError.
    """
    lines = [
        (number, entry)
        for number, entry in enumerate(tail.entries, start=2)
        if isinstance(entry, LogRecord)
    ]
    if file is None and any(isinstance(e, CheckpointRecord) and e.is_ahead for e in tail.entries):
        raise LogMismatchError
    states = [log.header.after if start == log.start else version]
    states += [record.version for _, record in lines]
    names = {version} if file is None else _state_names(tail.entries, log.header, file)
    indexes = [index for index, name in enumerate(states) if name in names]
    if not indexes:
        raise LogMismatchError(_OTHER_LOG)
    lines = lines[indexes[-1] :]
    for number, record in lines:
        if record.before != version:
            if file is None:
                raise LogMismatchError
            raise DamagedLineError(number, "it does not follow the line before it")
        version = record.version
    return [record for _, record in lines]


def _state_names(
    entries: Sequence[LogRecord | CheckpointRecord], header: LogHeader, file: FileMeta
) -> Collection[str | None]:
    """The names that the state of a file may have in its log.

    Raises: LogMismatchError: it is the log of another file.
    """
    checkpoints = (entry for entry in entries if isinstance(entry, CheckpointRecord))
    files = {header.file_checksum, *(entry.file_checksum for entry in checkpoints)}
    if file.checksum not in files:
        raise LogMismatchError(_OTHER_LOG)
    return {file.version or "", file.log_state}
