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
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from .atomic_file import flush_folder

_ASIDE = ".newsgraph-writing"
_DECIDED = ".newsgraph-written"
_PUBLIC = 0o644  # documents are for others to read
_LOOK_AGAIN_S = 0.005


@asynccontextmanager
async def folder_turn(folder: Path) -> AsyncIterator[None]:
    """Be the only one who reads all of this folder or writes to it, among tasks and processes.

    A folder that cannot be opened needs no turn: whoever goes on will say what is wrong with it.
    """
    with contextlib.ExitStack() as held:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            handle = None
        if handle is not None:
            held.callback(os.close, handle)
            await _lock(handle)
        yield


async def _lock(handle: int) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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


def write_files(root: Path, texts: Mapping[str, bytes]) -> dict[str, Former]:
    """Have these texts at these paths, flushed to the disk; return what was there before.

    Raises: OSError: it could not be done; everything is as it was.
    """
    former = {path: _former(root / path) for path in texts}
    try:
        for path, data in texts.items():
            _write_aside(root, path, data, former[path])
        _move_all(root, _decide(root) if len(texts) > 1 else root / _ASIDE)
    except BaseException:
        put_back(root, former)
        raise
    return former


def _decide(root: Path) -> Path:
    """Have several files written, though none is in its place yet. One needs no such step."""
    for folder, _, _ in os.walk(root / _ASIDE):
        flush_folder(Path(folder))
    decided = (root / _ASIDE).rename(root / _DECIDED)
    flush_folder(root)
    return decided


def remove_file(root: Path, path: str) -> dict[str, Former]:
    """Remove a file; return what it was. Raises: OSError."""
    former = {path: _former(root / path)}
    (root / path).unlink(missing_ok=True)
    flush_folder((root / path).parent)
    return former


def put_back(root: Path, former: Mapping[str, Former]) -> None:
    """Have files as they were, times included. Raises: OSError: some could not be put back."""
    for folder in (root / _ASIDE, root / _DECIDED):
        shutil.rmtree(folder, ignore_errors=True)
    for path, file in former.items():
        now = _former(root / path)
        if file.data is None:
            (root / path).unlink(missing_ok=True)
        elif now != file:
            aside = _write_aside(root, path, file.data, file)
            os.utime(aside, ns=(file.mtime_ns, file.mtime_ns))
            aside.replace(root / path)
    shutil.rmtree(root / _ASIDE, ignore_errors=True)


def finish_writes(root: Path) -> list[str]:
    """Move to its place what an interrupted write had decided on, and drop what it had not.

    To be called first in one's turn; returns the paths of what was moved. Raises: OSError.
    """
    moved: list[str] = []
    if (root / _DECIDED).is_dir():
        moved = _move_all(root, root / _DECIDED)
    if (root / _ASIDE).is_dir():
        shutil.rmtree(root / _ASIDE)
    return moved


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


def _write_aside(root: Path, path: str, data: bytes, former: Former) -> Path:
    aside = root / _ASIDE / path
    aside.parent.mkdir(parents=True, exist_ok=True)
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), former.mode)
        # Clocks tick slowly beside disks; two states of a file must never have the same time.
        now_ns = max(time.time_ns(), former.mtime_ns + 1)
        os.utime(file.fileno(), ns=(now_ns, now_ns))
        os.fsync(file.fileno())
    return aside
