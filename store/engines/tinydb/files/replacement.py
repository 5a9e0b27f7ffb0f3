"""Replacing a store's file and its log together, so that a crash after any step is harmless.

The next file is written aside first. Then a line is added to the old log, which names that file;
the new log, which names it as well, is written aside; the file is put in place, then the log.
"""

from __future__ import annotations

from collections.abc import Iterable
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

from .position import Known
from .state import State
from .write_ahead_log import FORMAT, Header, Place, TakenIn, line_of, log_file, text_of


class OldLogError(StoreUnavailableError):
    """The store's file is in place, and the log that was to go on from it is not."""


class NextFile(NamedTuple):
    """A store's file that was written aside.

    Attributes:
        path: Where its place is.
        signature: What it will be in place.
        checksum: Its checksum, by which logs name it.
    """

    path: Path
    signature: FileSignature
    checksum: str


def replace_file_and_log(
    file: NextFile,
    known: Known,
    state: State,
    old_checksum: str | None,
    repeats: Place | None = None,
) -> None:
    """Put the file that was written aside in place, and a log that goes on from it.

    `known`: what is there, all of it. `old_checksum`: of the file that is there. `repeats`: from
    where on the new log repeats the old one.
    Raises: OSError: neither is in place. OldLogError. OutcomeUnknownError.
    """
    path, log_path = file.path, log_file(file.path)
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
    log = known.log if file_signature(log_path) else None
    if log is not None:
        log.append(known.end, taken_in)
    else:
        _make_log(path, known, taken_in, old_checksum)
    try:
        lines = [line_of(text_of(header))]
        if known.log is not None and repeats is not None:
            lines += known.log.raw(repeats.offset, known.end + len(taken_in))
        new_log = write_temporary(log_path, lines, like=path)
        rename_into_place(path, file.signature)
    except OSError:
        discard_temporary(log_path)
        if log is not None:
            log.take_back(known.end)
        raise
    except BaseException:
        discard_temporary(log_path)
        raise
    try:
        rename_into_place(log_path, new_log)
    except (OSError, OutcomeUnknownError) as error:
        raise OldLogError(
            f"Cannot replace the log {log_path}: {error}. Look at the disk."
        ) from error


def _make_log(path: Path, known: Known, taken_in: bytes, old_checksum: str | None) -> None:
    """Put a log in place, where none is, that leads from the file that is there to the next."""
    log_path = log_file(path)
    if known.log is not None:  # it was removed, and is still open here
        before: Iterable[bytes] = known.log.raw(0, known.end)
    else:
        file = file_signature(path)
        checksum = old_checksum if file else None
        header = Header(format=FORMAT, after=known.state.name, checkpoint=file, file=checksum)
        before = [line_of(text_of(header))]
    log = write_temporary(log_path, chain(before, [taken_in]), like=path)
    rename_into_place(log_path, log)
