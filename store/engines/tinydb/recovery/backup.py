"""Backup of a store to one file, consistent also during writes, and restore."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from store.engines.changes import HISTORY_LIMIT
from store.engines.tinydb.files.checkpoint import Checkpoint
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.os_errors import translate_os_errors
from store.engines.tinydb.files.reader import StoreReader
from store.engines.tinydb.files.state import StoreState
from store.engines.tinydb.files.storage import SerializedFile, damage_remedy
from store.engines.tinydb.files.write_ahead_log import log_file
from store.errors import StoreCorruptError, StoreUnavailableError, TargetExistsError
from store.filesystem.atomic_file import rename_into_place, write_temporary
from store.filesystem.file_lock import LOCK_TIMEOUT_S, lock_file

from .overwrite import overwrite_store


def backup_chunks(path: Path) -> Iterable[bytes]:
    """The chunks of a backup: a TinyDB file that needs no log.

    It includes all writes that were acknowledged before, and does not block writers.
    Raises: StoreCorruptError. StoreUnavailableError.
    """
    state = _read_state(path.resolve())
    return SerializedFile(Checkpoint().derive(state, None).tables)


def back_up(path: Path, target: Path, *, overwrite: bool = False) -> None:
    """Write a backup atomically, to a file that only this user may read.

    Raises: TargetExistsError: the file exists, or belongs to the store. StoreCorruptError.
        StoreUnavailableError. OutcomeUnknownError.
    """
    path, target = path.resolve(), target.resolve()
    if target in (path, log_file(path), lock_file(path)):
        raise TargetExistsError(f"{target} belongs to the store itself. Name another file.")
    if target.exists() and not overwrite:
        raise TargetExistsError(f"{target} exists. Name another file, or use --force.")
    chunks = backup_chunks(path)
    with translate_os_errors("back up", path):
        rename_into_place(target, write_temporary(target, chunks, private=True))


def restore(path: Path, source: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Sequence[Path]:
    """Replace a store by a backup. The store may be damaged, missing or served.

    The backup is checked first. It may also be a copy of a store's file with its log beside it.
    Servers notice the change, and clients that follow `changes` get a gap.
    Returns the paths of the copies of the old files.

    Raises: StoreCorruptError: it is no backup. StoreUnavailableError.
    """
    source = source.resolve()
    if not source.exists():
        raise StoreUnavailableError(f"There is no backup at {source}. Name a file that is one.")
    try:
        state = _read_state(source)
    except StoreCorruptError as error:
        problem = str(error).removesuffix(damage_remedy(source)).rstrip()
        raise StoreCorruptError(
            f"{source} is no whole backup. {problem} Nothing was changed."
        ) from None
    with translate_os_errors("restore", path):
        path.parent.stat()
    path = path.resolve()
    return overwrite_store(path, StoreLocks(path), state, lock_timeout_s)


def _read_state(path: Path) -> StoreState:
    return StoreReader(path, StoreLocks(path), HISTORY_LIMIT).read_state()
