"""A disk that records the operations on a folder's files, and simulates power cuts.

`recording` wraps the functions of `os` that change files; `Recording.check` compares the recorded
operations with the files, so that a change through another function is detected. A power cut may
come after any operation. It leaves:

- **in order**: all operations before it, and a prefix of the last write;
- **in no order**: all flushed operations. Of the operations on a file, or on the folder's names,
  since its last flush, any subset: each write whole, as a prefix, or in some of its blocks (others
  are zeros if the file has grown).

The files keep their inodes, by links in a folder beside it, and the times that were set.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

_BLOCK_BYTES = 512


class Write(NamedTuple):
    """A write of bytes at an offset of a file."""

    file: int
    offset: int
    data: bytes


class Resize(NamedTuple):
    """A truncation of a file, or its extension by zeros."""

    file: int
    size: int


class SetTime(NamedTuple):
    """A change of a file's time, in nanoseconds."""

    file: int
    mtime_ns: int


class Rename(NamedTuple):
    """An atomic change of names, each to a file; None: the name is removed."""

    names: dict[str, int | None]


class Flush(NamedTuple):
    """A flush of a file; None: of the folder's names."""

    file: int | None


Operation = Write | Resize | SetTime | Rename | Flush


class File(NamedTuple):
    """A file: its bytes, and its time if one was set."""

    data: bytes = b""
    mtime_ns: int | None = None


class Disk:
    """The files of a disk, by name.

    Attributes:
        names: The number of the file with each name.
        files: The files, by number.
    """

    def __init__(self, files: dict[str, File] | None = None) -> None:
        self.names: dict[str, int] = {}
        self.files: dict[int, File] = {}
        for number, (name, file) in enumerate((files or {}).items()):
            self.names[name] = number
            self.files[number] = file

    def copy(self) -> Disk:
        """A copy."""
        other = Disk()
        other.names, other.files = dict(self.names), dict(self.files)
        return other

    def apply(self, operation: Operation) -> None:
        """Apply an operation."""
        match operation:
            case Write(file, offset, data):
                old = self.files.get(file, File())
                begin = old.data[:offset].ljust(offset, b"\0")
                self.files[file] = old._replace(data=begin + data + old.data[offset + len(data) :])
            case Resize(file, size):
                old = self.files.get(file, File())
                self.files[file] = old._replace(data=old.data[:size].ljust(size, b"\0"))
            case SetTime(file, mtime_ns):
                self.files[file] = self.files.get(file, File())._replace(mtime_ns=mtime_ns)
            case Rename(names):
                for name, number in names.items():
                    self.names.pop(name, None)
                    if number is not None:
                        self.names[name] = number

    def contents(self) -> dict[str, File]:
        """The files by name."""
        return {name: self.files.get(number, File()) for name, number in self.names.items()}

    def put(self, folder: Path, inodes: Path | None = None) -> None:
        """Write the files into an empty folder, with the inodes of a recording if given."""
        for name, number in self.names.items():
            file, path = self.files.get(number, File()), folder / name
            if inodes is not None:
                os.link(inodes / str(number), path)
            path.write_bytes(file.data)
            if file.mtime_ns is not None:
                os.utime(path, ns=(file.mtime_ns, file.mtime_ns))


class Recording:
    """The recorded operations on a folder, oldest first.

    Attributes:
        before: The disk before the first operation.
        operations: The operations.
        inodes: The folder that links the inode of each file under its number.
    """

    def __init__(self, folder: Path, inodes: Path) -> None:
        self.inodes = inodes
        self.before = Disk(_files_in(folder))
        self.operations: list[Operation] = []
        self._folder = str(folder)
        self._names = dict(self.before.names)
        self._next = len(self._names)
        self._handles: dict[int, tuple[int | None, int]] = {}
        self._lock = threading.RLock()
        for name, number in self._names.items():
            os.link(folder / name, inodes / str(number))

    def __len__(self) -> int:
        return len(self.operations)

    def check(self) -> None:
        """Compare the recording with the files. Raises: AssertionError: they differ."""
        found, expected = _files_in(Path(self._folder)), self.after(len(self)).contents()
        assert {name: file.data for name, file in found.items()} == {
            name: file.data for name, file in expected.items()
        }, "files were changed in a way that was not recorded"

    def after(self, count: int, torn_bytes: int | None = None) -> Disk:
        """The disk after `count` operations, and a prefix of the next write."""
        disk = self.before.copy()
        for operation in self.operations[:count]:
            disk.apply(operation)
        if torn_bytes is not None:
            torn = self.operations[count]
            assert isinstance(torn, Write)
            disk.apply(torn._replace(data=torn.data[:torn_bytes]))
        return disk

    def unordered_after(self, count: int, rng: Random) -> Disk:
        """A disk that a power cut after `count` operations may leave, in no order."""
        disk = self.before.copy()
        share = rng.choice([0, 0.2, 0.5, 0.8, 1])
        done = self.operations[:count]
        flushed = {each.file: n for n, each in enumerate(done) if isinstance(each, Flush)}
        for number, operation in enumerate(done):
            file = None if isinstance(operation, Rename) else operation.file
            if number < flushed.get(file, -1):
                disk.apply(operation)
            elif rng.random() < share:
                for part in _parts(operation, rng):
                    disk.apply(part)
        return disk

    # --- what is recorded ---

    def append(self, *operations: Operation) -> None:
        """Append operations."""
        self.operations += operations

    def open(self, call: Any, path: Any, flags: int, *rest: Any, **named: Any) -> int:
        """Open a file."""
        with self._lock:
            name = self._name(path)
            if name is None and str(path) != self._folder:
                handle = int(call(path, flags, *rest, **named))
                self._handles.pop(handle, None)
                return handle
            was_there = os.path.lexists(path)
            handle = int(call(path, flags, *rest, **named))
            file = None
            if name is not None:
                if not was_there:
                    self._names[name] = self._next
                    self._next += 1
                    os.link(path, self.inodes / str(self._names[name]))
                    self.append(Rename({name: self._names[name]}))
                file = self._names[name]
                if flags & os.O_TRUNC and was_there:
                    self.append(Resize(file, 0))
            self._handles[handle] = file, flags
            return handle

    def close(self, call: Any, handle: int) -> None:
        """Close a file."""
        with self._lock:
            self._handles.pop(handle, None)
            call(handle)

    def write(self, call: Any, handle: int, data: Any, *at: int) -> int:
        """Write to a file, at its position, its end, or `at` an offset."""
        with self._lock:
            file, flags = self._handles.get(handle, (None, 0))
            if file is None:
                return int(call(handle, data, *at))
            if at:
                offset = at[0]
            elif flags & os.O_APPEND:
                offset = os.fstat(handle).st_size
            else:
                offset = os.lseek(handle, 0, os.SEEK_CUR)
            written: int = call(handle, data, *at)
            self.append(Write(file, offset, bytes(data[:written])))
            if flags & os.O_DSYNC:  # O_SYNC has its bit
                self.append(Flush(file))
            return written

    def truncate(self, call: Any, handle: int, size: int) -> None:
        """Truncate a file."""
        with self._lock:
            call(handle, size)
            if (file := self._handles.get(handle, (None, 0))[0]) is not None:
                self.append(Resize(file, size))

    def flush(self, call: Any, handle: int) -> None:
        """Flush a file or the folder."""
        with self._lock:
            call(handle)
            if handle in self._handles:
                self.append(Flush(self._handles[handle][0]))

    def utime(self, call: Any, target: Any, *times: Any, **named: Any) -> None:
        """Set the time of an open file."""
        with self._lock:
            call(target, *times, **named)
            file = self._handles.get(target, (None, 0))[0] if isinstance(target, int) else None
            if file is not None:
                self.append(SetTime(file, os.fstat(target).st_mtime_ns))

    def rename(self, call: Any, old: Any, new: Any) -> None:
        """Rename a file."""
        with self._lock:
            call(old, new)
            source, target = self._name(old), self._name(new)
            if source is not None and target is not None:
                self._names[target] = self._names.pop(source)
                self.append(Rename({source: None, target: self._names[target]}))

    def unlink(self, call: Any, path: Any) -> None:
        """Remove a file."""
        with self._lock:
            call(path)
            name = self._name(path)
            if name is not None:
                del self._names[name]
                self.append(Rename({name: None}))

    def fdopen(self, call: Any, handle: int, mode: str, buffering: int = -1) -> Any:
        """A buffered file; its writes are recorded when the buffer is written out."""
        if mode != "wb" or handle not in self._handles:
            return call(handle, mode, buffering)
        return io.BufferedWriter(_RecordedFile(self, handle), buffering)

    def _name(self, path: Any) -> str | None:
        folder, name = os.path.split(str(path))
        return name if folder == self._folder else None


class _RecordedFile(io.FileIO):
    def __init__(self, recording: Recording, handle: int) -> None:
        super().__init__(handle, "wb")
        self._recording = recording

    def write(self, data: Any) -> int:
        write = super().write
        return self._recording.write(lambda _, data: write(data), self.fileno(), data)

    def close(self) -> None:
        if not self.closed:
            self._recording.close(lambda _: None, self.fileno())
        super().close()


@contextmanager
def recording(folder: Path, inodes: Path) -> Iterator[Recording]:
    """Record the operations of this process on a folder's files, until the block ends.

    `inodes`: an empty folder on the same file system.
    """
    made = Recording(folder, inodes)
    wrapped: dict[str, Callable[..., Any]] = {
        "open": made.open,
        "close": made.close,
        "write": made.write,
        "pwrite": made.write,
        "ftruncate": made.truncate,
        "fsync": made.flush,
        "fdatasync": made.flush,
        "utime": made.utime,
        "replace": made.rename,
        "rename": made.rename,
        "unlink": made.unlink,
        "remove": made.unlink,
        "fdopen": made.fdopen,
    }
    calls: dict[str, Any] = {name: _bind(wrap, getattr(os, name)) for name, wrap in wrapped.items()}
    with mock.patch.multiple(os, **calls):
        yield made


def _bind(wrap: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **named: wrap(call, *args, **named)


def _files_in(folder: Path) -> dict[str, File]:
    return {
        path.name: File(path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    }


def _parts(operation: Operation, rng: Random) -> Sequence[Operation]:
    """A random part of an unflushed operation."""
    if not isinstance(operation, Write) or rng.random() < 0.5:
        return [operation]
    file, offset, data = operation
    if rng.random() < 0.5:
        return [Write(file, offset, data[: rng.randrange(len(data) + 1)])]
    blocks = range(0, len(data), _BLOCK_BYTES)
    there = [
        Write(file, offset + start, data[start : start + _BLOCK_BYTES])
        for start in blocks
        if rng.random() < 0.5
    ]
    grown = Write(file, offset + len(data), b"")  # the size comes before the data
    return [*there, grown]
