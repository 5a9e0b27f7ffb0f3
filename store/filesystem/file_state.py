"""The state of a document's file, by which a change is detected without reading it."""

from __future__ import annotations

import os

import msgspec


class FileState(msgspec.Struct, frozen=True, gc=False):
    """The metadata of a file that identify one version of it. All zero: unknown.

    Size and modification time may be equal for two different texts, after `cp -p` or a restore.
    Hence two more: no program can set the ctime, which a rename changes, too; and a file that was
    created anew has another inode.
    """

    size_bytes: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """The state in the result of a `stat` call."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
