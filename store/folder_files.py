"""Writing a folder's files: several at once, all or none, whatever happens meanwhile.

New texts are written aside first, into a hidden folder. When all are on the disk, this folder is
renamed: from now on the write has happened, and what is left is to move the files to their places,
which whoever uses the folder next can finish (`finish_writes`). Whoever reads or writes many files
takes a turn with the folder, among all processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import math
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from .atomic_file import flush_folder
from .errors import StoreBusyError
from .file_lock import WAIT_S

_ASIDE = ".newsgraph-writing"
_DECIDED = ".newsgraph-written"
_BEGUN = ".newsgraph-begun"
_PUBLIC = 0o644  # documents are for others to read
_LOOK_AGAIN_S = 0.005

_log = logging.getLogger(__name__)


@asynccontextmanager
async def folder_turn(folder: Path, wait_s: float = math.inf) -> AsyncIterator[None]:
    """Be the only one who reads all of this folder or writes to it, among tasks and processes.

    A folder that cannot be opened needs no turn: whoever goes on will say what is wrong with it.
    Raises: StoreBusyError: another has had its turn for so long.
    """
    with contextlib.ExitStack() as held:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            handle = None
        if handle is not None:
            held.callback(os.close, handle)
            await _lock(handle, folder, wait_s)
        yield


async def _lock(handle: int, folder: Path, wait_s: float) -> None:
    since, is_told = time.monotonic(), False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited_s = time.monotonic() - since
            if waited_s >= min(wait_s, WAIT_S) and not is_told:
                is_told = True
                _log.warning(
                    "The folder %s is in use for %.0f s: another task or process reads all of it "
                    "or writes to it. If that process is stopped, let it go on (kill -CONT).",
                    folder,
                    waited_s,
                )
            if waited_s >= wait_s:
                raise StoreBusyError from None
            await asyncio.sleep(_LOOK_AGAIN_S)
        except OSError:  # a file system without locks has no other process to wait for either
            return
        else:
            return


class Former(NamedTuple):
    """A file as it was: its bytes, mode and times; no bytes where there was none."""

    data: bytes | None
    mode: int = _PUBLIC
    mtime_ns: int = 0


class Changed(NamedTuple):
    """What it takes to have files as they were, and when those that were written were modified.

    All by path; `renamed` has the path up to then.
    """

    former: dict[str, Former]
    renamed: dict[str, str]
    mtimes_ns: dict[str, int]


def change_files(
    root: Path,
    texts: Mapping[str, bytes],
    *,
    renamed: Mapping[str, str] | None = None,
    removed: Iterable[str] = (),
) -> Changed:
    """Have these texts at these paths and no files at others, flushed to the disk.

    `renamed`: where the files of some of the texts are up to now. The texts are written all or
    none, also should the process end meanwhile; so is each removal.
    Raises: OSError: it could not be done; everything is as it was.
    """
    done = Changed({}, {}, {})
    try:
        for path, before in (renamed or {}).items():
            (root / before).rename(root / path)
            done.renamed[path] = before
        _write_files(root, texts, done)
        _remove_files(root, removed, done)
    except BaseException:
        put_back(root, done)
        raise
    return done


def put_back(root: Path, done: Changed) -> None:
    """Have files as they were, times included. Raises: OSError: some could not be put back."""
    for folder in (root / _ASIDE, root / _DECIDED):
        shutil.rmtree(folder, ignore_errors=True)
    for path, file in done.former.items():
        now = _former(root / path)
        if file.data is None:
            (root / path).unlink(missing_ok=True)
        elif now != file:
            aside, _ = _write_aside(root, path, file.data, file)
            os.utime(aside, ns=(file.mtime_ns, file.mtime_ns))
            _flush(aside)
            aside.replace(root / path)
    shutil.rmtree(root / _ASIDE, ignore_errors=True)
    for path, before in done.renamed.items():
        (root / path).rename(root / before)
    forget_begun(root)


def _write_files(root: Path, texts: Mapping[str, bytes], done: Changed) -> None:
    done.former.update((path, _former(root / path)) for path in texts)
    asides = []
    for path, data in texts.items():
        aside, done.mtimes_ns[path] = _write_aside(root, path, data, done.former[path])
        asides.append(aside)
    for aside in asides:  # once all are written, so that the disk takes them together
        _flush(aside)
    if texts:
        _move_all(root, _decide(root) if len(texts) > 1 else root / _ASIDE)


def _decide(root: Path) -> Path:
    """Have several files written, though none is in its place yet. One needs no such step."""
    for folder, _, _ in os.walk(root / _ASIDE):
        flush_folder(Path(folder))
    decided = (root / _ASIDE).rename(root / _DECIDED)
    flush_folder(root)
    return decided


def _remove_files(root: Path, paths: Iterable[str], done: Changed) -> None:
    folders = set()
    for path in paths:
        done.former[path] = _former(root / path)
        (root / path).unlink(missing_ok=True)
        folders.add((root / path).parent)
    for folder in folders:
        flush_folder(folder)


class Begun(msgspec.Struct, frozen=True):
    """A write that may have been interrupted: its files, and the keys of its articles by id."""

    paths: list[str] = []
    keys: dict[str, str] = {}


def note_begun(root: Path, begun: Begun) -> None:
    """Have it on the disk that a write begins, should its keys be asked for. Raises: OSError."""
    with (root / _BEGUN).open("wb") as file:
        file.write(msgspec.json.encode(begun))
        file.flush()
        os.fsync(file.fileno())
    flush_folder(root)


def forget_begun(root: Path) -> None:
    """To be called when the store knows of the write, or it was put back. Raises: OSError."""
    (root / _BEGUN).unlink(missing_ok=True)


def finish_writes(root: Path) -> Begun:
    """Move to its place what an interrupted write had decided on, and drop what it had not.

    To be called first in one's turn; returns what the store may not know yet. Raises: OSError.
    """
    begun = Begun()
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):  # torn: no file was touched
        begun = msgspec.json.decode((root / _BEGUN).read_bytes(), type=Begun)
    moved: list[str] = []
    if (root / _DECIDED).is_dir():
        moved = _move_all(root, root / _DECIDED)
    if (root / _ASIDE).is_dir():
        shutil.rmtree(root / _ASIDE)
    return Begun([*begun.paths, *moved], begun.keys)


def _move_all(root: Path, aside: Path) -> list[str]:
    moved: list[str] = []
    for folder, _, names in os.walk(aside):
        target = root / Path(folder).relative_to(aside)
        if names:
            target.mkdir(parents=True, exist_ok=True)
            for name in names:
                Path(folder, name).replace(target / name)
            flush_folder(target)
            moved += [(target / name).relative_to(root).as_posix() for name in names]
    shutil.rmtree(aside)
    return moved


def _former(path: Path) -> Former:
    try:
        found = path.stat()
        return Former(path.read_bytes(), stat.S_IMODE(found.st_mode), found.st_mtime_ns)
    except FileNotFoundError:
        return Former(None)


def _write_aside(root: Path, path: str, data: bytes, former: Former) -> tuple[Path, int]:
    """Write a file aside, unflushed; where it is, and its modification time."""
    aside = root / _ASIDE / path
    if not aside.parent.is_dir():
        aside.parent.mkdir(parents=True)
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), former.mode)
        # Clocks tick slowly beside disks; two states of a file must never have the same time.
        now_ns = max(time.time_ns(), former.mtime_ns + 1)
        os.utime(file.fileno(), ns=(now_ns, now_ns))
        return aside, os.fstat(file.fileno()).st_mtime_ns  # file systems may round


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
