"""The state of files, compared by tests."""

from __future__ import annotations

from pathlib import Path


def written_state(path: Path) -> tuple[int, ...]:
    """What a write changes of a file, and a read does not: inode, size and the times of changes."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
