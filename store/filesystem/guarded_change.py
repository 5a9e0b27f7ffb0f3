"""A change of one file that somebody may be editing: it is made only to what it was made from.

The new text is written aside and then exchanged with the file in one step. What came out is looked
at: if it is not the text that the change was made from, it goes back to its place. What came out
stays aside until the change is ended or undone, so that both are a rename.

A text is known by its digest. The name of the file aside ends with two, that of the text to write
and that of the text to replace, so that whoever finds it after a crash knows how far things went.
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
from .renames import exchange, is_open_for_writing, rename_new

_PUBLIC = 0o644  # documents are for others to read
_DIGEST_BYTES = 8  # to tell texts apart by accident, not by malice
_NO_FILE = ""
_NO_TEXT = "-"


def digest(text: bytes | None) -> str:
    """What a text is known by; None is that there is no file."""
    return _NO_FILE if text is None else _hash(text).hexdigest()


def digest_of(path: Path) -> str:
    """The digest of a file's text. Raises: OSError: it cannot be read."""
    try:
        # Should a pipe have taken the file's place, opening it must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return hashlib.file_digest(file, _hash).hexdigest()
    except FileNotFoundError:
        return _NO_FILE
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return _NO_TEXT
        raise


class FileChange:
    """A file of a folder that gets another text, is made, or is removed.

    Attributes:
        path: the file's, relative to the folder `root`.
        new: the digest of its text afterwards.
        base: the digest of its text up to then.
        aside: the file aside: before the change the new text, afterwards the former one.
        state: the file's state afterwards.
        is_left: it was to be undone, and somebody was about to write over the new text: that stays.
    """

    def __init__(self, root: Path, path: str, new: str, base: str, folder: str) -> None:
        self.path = path
        self.new = new
        self.base = base
        self.state = FileState()
        self.is_left = False
        self._root = root
        self._target = root / path
        self._is_made = False
        self.move_aside_to(folder)

    @classmethod
    def of_aside(cls, root: Path, folder: str, file: Path) -> FileChange | None:
        """The change that a file below the folder `folder` was written for, None for no such."""
        path, *digests = file.relative_to(root / folder).as_posix().rsplit(".", 2)
        if len(digests) != 2:
            return None
        new, base = digests
        return cls(root, path, new, base, folder)

    @property
    def folder(self) -> Path:
        """The folder that the file is in."""
        return self._target.parent

    def move_aside_to(self, folder: str) -> None:
        """Know that the file aside is in a folder of this name now."""
        self.aside = self._root / folder / f"{self.path}.{self.new}.{self.base}"

    def write_aside(self, text: bytes, like: Path) -> None:
        """Write the new text, unflushed, with the mode of the file `like`, if there is one.

        Raises: EditedError: there is none any more. OSError.
        """
        mode, former_ns = _PUBLIC, 0
        if self.base != _NO_FILE:
            with self._edited(FileNotFoundError):
                former = like.stat()
            mode, former_ns = stat.S_IMODE(former.st_mode), former.st_mtime_ns
        make_folder(self.aside.parent, self._root, flush=False)
        with self.aside.open("wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            # Clocks tick slowly beside disks; two states of a file must never have the same time.
            now_ns = max(time.time_ns(), former_ns + 1)
            os.utime(file.fileno(), ns=(now_ns, now_ns))
            self.state = FileState.of(os.fstat(file.fileno()))

    def flush_aside(self) -> None:
        """Have the new text on the disk. Raises: OSError."""
        with self.aside.open("rb") as file:
            os.fsync(file.fileno())

    def make(self) -> None:
        """Change the file; its folder is not flushed.

        Raises: EditedError: it is not what it was; what it is now is there. OSError.
        """
        if self.base == _NO_FILE:
            make_folder(self.folder, self._root)
            with self._edited(FileExistsError):
                rename_new(self.aside, self._target)
        else:
            if digest_of(self._target) != self.base:
                raise EditedError(self.path)
            with self._edited(FileNotFoundError):
                if self.new == _NO_FILE:
                    make_folder(self.aside.parent, self._root, flush=False)
                    self._target.rename(self.aside)
                else:
                    exchange(self.aside, self._target)
        self._is_made = True
        if self.base != _NO_FILE and (not self._is_base_aside() or self._is_being_written()):
            self.undo()
            raise EditedError(self.path)
        self.state = self._state_now()

    def undo(self) -> None:
        """Have the file as it was, unless somebody has changed it since: that stays.

        So does the new text where a program has it open to write over it. Raises: OSError.
        """
        if not self._is_made:
            return
        self._is_made = False
        if self.new == _NO_FILE:
            with contextlib.suppress(FileExistsError):
                rename_new(self.aside, self._target)
        elif self.base == _NO_FILE:
            with contextlib.suppress(FileNotFoundError):
                self._target.rename(self.aside)
                is_same = digest_of(self.aside) == self.new
                if not is_same or self._is_being_written():
                    with contextlib.suppress(FileExistsError):
                        rename_new(self.aside, self._target)
                        self.is_left = is_same
        else:
            with contextlib.suppress(FileNotFoundError):
                self._exchange_back(self.new, unless_open=True)
        flush_folder(self.folder)

    def end(self) -> None:
        """Let go of what was there, unless a program has gone on writing to it: that is put back.

        Raises: OSError.
        """
        if self.base == _NO_FILE:
            return
        if self._is_base_aside():
            self.aside.unlink()
        else:
            self.undo()

    def recover(self, *, decided: bool) -> None:
        """Put right what a crash has left: to make the change was `decided`, or not.

        Where somebody has changed the file since, that stays. Raises: OSError.
        """
        aside, now = digest_of(self.aside), digest_of(self._target)
        if aside == self.new:
            if decided and now == self.base:
                with contextlib.suppress(EditedError):
                    self.make()
        elif aside != self.base and now in (self.new, self.base):  # an edit that nobody looked at
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                if now == _NO_FILE:
                    rename_new(self.aside, self._target)
                else:
                    self._exchange_back(now)
                flush_folder(self.folder)

    def _is_base_aside(self) -> bool:
        """Whether what came out is what the change was made from. A link leads nowhere there."""
        return self.aside.is_symlink() or digest_of(self.aside) == self.base

    def _is_being_written(self) -> bool:
        return not self.aside.is_symlink() and is_open_for_writing(self.aside)

    def _exchange_back(self, last: str, *, unless_open: bool = False) -> None:
        """Have the file aside in its place again.

        What comes out has to be the `last` that was put there. If not, somebody has replaced that
        meanwhile and means their text, not the one that they did not see: back with it in turn.
        `unless_open`: also if a program has it open, to write what would be lost with it.
        Raises: FileNotFoundError: somebody has removed the file, and what is aside with it.
        """
        while True:
            this = digest_of(self.aside)
            exchange(self.aside, self._target)
            is_open = unless_open and self._is_being_written()
            if not is_open and digest_of(self.aside) == last:
                return
            self.is_left = is_open
            last, unless_open = this, False

    def _state_now(self) -> FileState:
        """The file's state, in which a rename changes one time. Another file's is not taken."""
        if self.new == _NO_FILE:
            return FileState()
        with contextlib.suppress(FileNotFoundError):
            now = FileState.of(self._target.stat())
            if msgspec.structs.replace(self.state, ctime_ns=now.ctime_ns) == now:
                return now
        return self.state

    @contextlib.contextmanager
    def _edited(self, error: type[OSError]) -> Iterator[None]:
        """Tell by this error of the system that somebody has changed the file."""
        try:
            yield
        except error:
            raise EditedError(self.path) from None


def _hash(text: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES)
