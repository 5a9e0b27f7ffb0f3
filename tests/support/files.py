"""The state of files in the file system."""

from __future__ import annotations

from pathlib import Path


def file_state(path: Path) -> tuple[int, ...]:
    """The inode, size and change times of a file: a write changes them, a read does not."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
