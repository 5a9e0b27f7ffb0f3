"""Backups: a store as one file, consistent also while others write, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from store.engines.changes import HISTORY_LIMIT
from store.engines.tinydb.files.checkpoint import Checkpoint
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.os_errors import translate_os_errors
from store.engines.tinydb.files.reader import StoreReader
from store.engines.tinydb.files.state import State
from store.engines.tinydb.files.storage import REMEDY, StoreText
from store.engines.tinydb.files.write_ahead_log import log_file
from store.errors import StoreCorruptError, StoreUnavailableError, TargetExistsError
from store.filesystem.atomic_file import rename_into_place, write_temporary
from store.filesystem.file_lock import LOCK_TIMEOUT_S, lock_file

from .overwrite import overwrite_store


def backup_text(path: Path) -> Iterable[bytes]:
    """The text of a backup of a store, in pieces: a TinyDB file that needs no log.

    Writers are not held up, and it holds what was acknowledged before.
    Raises: StoreCorruptError. StoreUnavailableError.
    """
    state = _state(path.resolve())
    return StoreText(Checkpoint().of(state, None).tables)


def back_up(path: Path, target: Path, *, overwrite: bool = False) -> None:
    """Write a backup of a store to a file that only this user may read: whole, or not at all.

    Raises: TargetExistsError: it is there, and is not to be overwritten, or belongs to the store.
        StoreCorruptError. StoreUnavailableError. OutcomeUnknownError.
    """
    path, target = path.resolve(), target.resolve()
    if target in (path, log_file(path), lock_file(path)):
        raise TargetExistsError(f"{target} belongs to the store itself. Name another file.")
    if target.exists() and not overwrite:
        raise TargetExistsError(f"{target} exists. Name another file, or use --force.")
    text = backup_text(path)
    with translate_os_errors("back up", path):
        rename_into_place(target, write_temporary(target, text, private=True))


def restore(path: Path, source: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Sequence[Path]:
    """Put a backup in the place of a store, which may be damaged, missing or served.

    The backup is read and checked before anything is done; a copy of file and log by hand will do,
    if the log lies beside it. Returns where what was there is kept. Servers notice, and tell who
    follows `changes` of a gap. Raises: StoreCorruptError: it is no backup. StoreUnavailableError.
    """
    source = source.resolve()
    if not source.exists():
        raise StoreUnavailableError(f"There is no backup at {source}. Name a file that is one.")
    try:
        state = _state(source)
    except StoreCorruptError as error:
        problem = str(error).removesuffix(REMEDY).rstrip()
        raise StoreCorruptError(
            f"{source} is no whole backup. {problem} Nothing was changed."
        ) from None
    with translate_os_errors("restore", path):
        path.parent.stat()
    path = path.resolve()
    return overwrite_store(path, StoreLocks(path), state, lock_timeout_s)


def _state(path: Path) -> State:
    return StoreReader(path, StoreLocks(path), HISTORY_LIMIT).state()
