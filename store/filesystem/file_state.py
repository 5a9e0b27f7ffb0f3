"""The state of a document's file: by it a change is noticed without reading the file."""

from __future__ import annotations

import os

import msgspec


class FileState(msgspec.Struct, frozen=True, gc=False):
    """What `stat` tells of a file. All zero: not known.

    Size and modification time can be those of another text, where they were copied (`cp -p`) or
    put back. Nobody can set the time of the last change of status (ctime), which a rename sets,
    too; a file that was made anew has another inode.
    """

    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """The state that a system call has found."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
