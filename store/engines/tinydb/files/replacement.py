"""Replacement of a store's file and its log together, harmless to crash after any step.

1. The new file is written as a temporary file.
2. A checkpoint record that names the new file is appended to the old log.
3. The new log, which names it as well, is written as a temporary file.
4. The file is renamed into place, then the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from store.errors import OutcomeUnknownError, StoreUnavailableError
from store.filesystem.atomic_file import (
    FileSignature,
    discard_temporary,
    file_signature,
    rename_into_place,
    write_temporary,
)

from .log_records import FORMAT, CheckpointRecord, LogHeader, LogPosition, encode_line, to_json
from .position import StorePosition
from .state import StoreState
from .write_ahead_log import WriteAheadLog, log_file


class LogNotReplacedError(StoreUnavailableError):
    """The store's file was replaced, and its log was not."""


class NewStoreFile(NamedTuple):
    """A new version of a store's file, written as a temporary file.

    Attributes:
        path: The path of the store's file.
        signature: The signature of the new version.
        checksum: The checksum of the new version, by which logs name it.
    """

    path: Path
    signature: FileSignature
    checksum: str


def replace_file_and_log(
    file: NewStoreFile,
    position: StorePosition,
    state: StoreState,
    old_checksum: str | None,
    copied_from: LogPosition | None = None,
) -> None:
    """Rename a new version of the store's file into place, and then a new log.

    `position`: the end of the present log. `state`: in the new file. `old_checksum`: of the
    present file. `copied_from`: see `LogHeader`.
    Raises: OSError: nothing was replaced. LogNotReplacedError. OutcomeUnknownError.
    """
    path, log_path = file.path, log_file(file.path)
    is_ahead = state is not position.state and copied_from is None
    record = CheckpointRecord(file_checksum=file.checksum, version=state.name, is_ahead=is_ahead)
    record_line = encode_line(to_json(record))
    log = position.log if file_signature(log_path) else None
    if log is not None:
        log.append(position.end, record_line)
    else:
        _create_log(path, position, record_line, old_checksum)
    try:
        old_end = position.end + len(record_line)
        chunks = _new_log_chunks(file, state, position.log, copied_from, old_end)
        new_log = write_temporary(log_path, chunks, like=path)
        rename_into_place(path, file.signature)
    except OSError:
        discard_temporary(log_path)
        if log is not None:
            log.roll_back(position.end)
        raise
    except BaseException:
        discard_temporary(log_path)
        raise
    try:
        rename_into_place(log_path, new_log)
    except (OSError, OutcomeUnknownError) as error:
        raise LogNotReplacedError(
            f"Cannot replace the log {log_path}: {error}. Look at the disk."
        ) from error


def _new_log_chunks(
    file: NewStoreFile,
    state: StoreState,
    old_log: WriteAheadLog | None,
    copied_from: LogPosition | None,
    old_end: int,
) -> Iterator[bytes]:
    """The chunks of the new log: the header, and the records that are copied from the old log."""
    header = LogHeader(
        format=FORMAT,
        after=state.name,
        checkpoint=file.signature,
        file_checksum=file.checksum,
        copied_from=copied_from,
    )
    yield encode_line(to_json(header))
    if old_log is not None and copied_from is not None:
        yield from old_log.chunks(copied_from.offset, old_end)


def _create_log(
    path: Path, position: StorePosition, record_line: bytes, old_checksum: str | None
) -> None:
    """Create a missing log, which leads from the present file to the new one."""
    log_path = log_file(path)
    if position.log is not None:  # it was removed, and is still open here
        before: Iterable[bytes] = position.log.chunks(0, position.end)
    else:
        file = file_signature(path)
        checksum = old_checksum if file else None
        header = LogHeader(
            format=FORMAT, after=position.state.name, checkpoint=file, file_checksum=checksum
        )
        before = [encode_line(to_json(header))]
    log = write_temporary(log_path, chain(before, [record_line]), like=path)
    rename_into_place(log_path, log)
