"""Optimistic concurrency for one file: a compare-and-swap, guarded against edits by hand.

The new text is written to a temporary file, which is then exchanged with the file in one step. The
text that came out is compared with the expected one; if they differ, both files are exchanged back.
The former text stays in the temporary file until the change is closed or rolled back, so that a
rollback is a rename.

Texts are compared by digest. The temporary file's name ends with the digests of the new text and
of the former one, so that a recovery after a crash can tell how far the change got.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from store.errors import EditedError

from .atomic_file import flush_folder, make_folder
from .file_state import FileState
from .renames import exchange, is_open_for_writing, rename_noreplace

_PUBLIC = 0o644  # documents are for others to read
_DIGEST_BYTES = 8  # against accidents, not against malice
_NO_FILE = ""
_NO_TEXT = "-"


def digest(text: bytes | None) -> str:
    """The digest of a text; None: there is no file."""
    return _NO_FILE if text is None else _hash(text).hexdigest()


def file_digest(path: Path) -> str:
    """The digest of a file's text. Raises: OSError: it cannot be read."""
    try:
        # Non-blocking: a pipe at this path would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return hashlib.file_digest(file, _hash).hexdigest()
    except FileNotFoundError:
        return _NO_FILE
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return _NO_TEXT
        raise


class GuardedChange:
    """A file of a folder that is rewritten, created or removed, if it is as expected.

    Attributes:
        path: The file's path relative to the folder `root`.
        new: The digest of the text to write.
        base: The digest of the expected text, which the change was made from.
        temporary: The path of the temporary file. Before `apply` it holds the new text, afterwards
            the former one.
        state: The file's state after `apply`.
        rollback_skipped: A rollback has left the new text in place, since a program has the file
            open for writing.
    """

    def __init__(self, root: Path, path: str, new: str, base: str, folder: str) -> None:
        """`folder`: the folder below `root` for the temporary file."""
        self.path = path
        self.new = new
        self.base = base
        self.state = FileState()
        self.rollback_skipped = False
        self._root = root
        self._target = root / path
        self._is_applied = False
        self.set_temporary_folder(folder)

    @classmethod
    def from_temporary(cls, root: Path, folder: str, file: Path) -> GuardedChange | None:
        """The change that a temporary file below `folder` belongs to; None: it belongs to none."""
        path, *digests = file.relative_to(root / folder).as_posix().rsplit(".", 2)
        if len(digests) != 2:
            return None
        new, base = digests
        return cls(root, path, new, base, folder)

    @property
    def folder(self) -> Path:
        """The folder of the file."""
        return self._target.parent

    def set_temporary_folder(self, folder: str) -> None:
        """Note that the folder of the temporary file was renamed to this."""
        self.temporary = self._root / folder / f"{self.path}.{self.new}.{self.base}"

    def write_temporary(self, text: bytes, like: Path) -> None:
        """Write the new text to the temporary file, unflushed, with the permissions of `like`.

        Raises: EditedError: `like` was removed. OSError.
        """
        mode, former_ns = _PUBLIC, 0
        if self.base != _NO_FILE:
            with self._raising_edited(FileNotFoundError):
                former = like.stat()
            mode, former_ns = stat.S_IMODE(former.st_mode), former.st_mtime_ns
        make_folder(self.temporary.parent, self._root, flush=False)
        with self.temporary.open("wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            # The clock may tick more slowly than the disk writes; states must differ all the same.
            now_ns = max(time.time_ns(), former_ns + 1)
            os.utime(file.fileno(), ns=(now_ns, now_ns))
            self.state = FileState.of(os.fstat(file.fileno()))

    def flush_temporary(self) -> None:
        """Flush the temporary file to the disk. Raises: OSError."""
        with self.temporary.open("rb") as file:
            os.fsync(file.fileno())

    def apply(self) -> None:
        """Exchange the texts. The file's folder is not flushed.

        Raises: EditedError: the file is not as expected, and stays as it is. OSError.
        """
        if self.base == _NO_FILE:
            make_folder(self.folder, self._root)
            with self._raising_edited(FileExistsError):
                rename_noreplace(self.temporary, self._target)
        else:
            if file_digest(self._target) != self.base:
                raise EditedError(self.path)
            with self._raising_edited(FileNotFoundError):
                if self.new == _NO_FILE:
                    make_folder(self.temporary.parent, self._root, flush=False)
                    self._target.rename(self.temporary)
                else:
                    exchange(self.temporary, self._target)
        self._is_applied = True
        if self.base != _NO_FILE and (not self._has_base() or self._is_being_written()):
            self.rollback()
            raise EditedError(self.path)
        self.state = self._read_state()

    def rollback(self) -> None:
        """Restore the former text, unless the file was edited after `apply`.

        The new text also stays if a program has the file open for writing. Raises: OSError.
        """
        if not self._is_applied:
            return
        self._is_applied = False
        if self.new == _NO_FILE:
            with contextlib.suppress(FileExistsError):
                rename_noreplace(self.temporary, self._target)
        elif self.base == _NO_FILE:
            with contextlib.suppress(FileNotFoundError):
                self._target.rename(self.temporary)
                is_same = file_digest(self.temporary) == self.new
                if not is_same or self._is_being_written():
                    with contextlib.suppress(FileExistsError):
                        rename_noreplace(self.temporary, self._target)
                        self.rollback_skipped = is_same
        else:
            with contextlib.suppress(FileNotFoundError):
                self._exchange_back(self.new, unless_open=True)
        flush_folder(self.folder)

    def close(self) -> None:
        """Delete the former text, or restore it if a program has gone on writing to it.

        Raises: OSError.
        """
        if self.base == _NO_FILE:
            return
        if self._has_base():
            self.temporary.unlink()
        else:
            self.rollback()

    def recover(self, *, committed: bool) -> None:
        """Finish the change after a crash if its transaction was committed, else roll it back.

        A file that was edited meanwhile stays as it is. Raises: OSError.
        """
        text, now = file_digest(self.temporary), file_digest(self._target)
        if text == self.new:
            if committed and now == self.base:
                with contextlib.suppress(EditedError):
                    self.apply()
        elif text != self.base and now in (self.new, self.base):  # an edit that came out in `apply`
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                if now == _NO_FILE:
                    rename_noreplace(self.temporary, self._target)
                else:
                    self._exchange_back(now)
                flush_folder(self.folder)

    def _has_base(self) -> bool:
        """Whether the temporary file holds the expected text. A link is broken there."""
        return self.temporary.is_symlink() or file_digest(self.temporary) == self.base

    def _is_being_written(self) -> bool:
        return not self.temporary.is_symlink() and is_open_for_writing(self.temporary)

    def _exchange_back(self, last: str, *, unless_open: bool = False) -> None:
        """Exchange the files again, until the text that comes out is the `last` that went in.

        Another text is an edit, made without knowledge of the one that goes in: the edit wins.
        `unless_open`: also put back a text that a program has open for writing.
        Raises: FileNotFoundError: the file was removed, and with it the text that went in.
        """
        while True:
            text = file_digest(self.temporary)
            exchange(self.temporary, self._target)
            is_open = unless_open and self._is_being_written()
            if not is_open and file_digest(self.temporary) == last:
                return
            self.rollback_skipped = is_open
            last, unless_open = text, False

    def _read_state(self) -> FileState:
        """The file's state, whose ctime the rename has changed. Another file's is ignored."""
        if self.new == _NO_FILE:
            return FileState()
        with contextlib.suppress(FileNotFoundError):
            now = FileState.of(self._target.stat())
            if msgspec.structs.replace(self.state, ctime_ns=now.ctime_ns) == now:
                return now
        return self.state

    @contextlib.contextmanager
    def _raising_edited(self, error: type[OSError]) -> Iterator[None]:
        """Raise EditedError for this error of the system."""
        try:
            yield
        except error:
            raise EditedError(self.path) from None


def _hash(text: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES)
