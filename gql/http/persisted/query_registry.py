"""The registry of automatic persisted queries (APQ): documents that clients register by hash.

A client sends the hash alone. If the registry lacks it, the client sends hash and text once, and
the document is registered after its execution: it was parsed and valid, and its cost was allowed.

The registry is a directory that all processes of a store share, with one file for each document,
named by its hash. A file counts only if its content has that hash, so a damaged or forged one is no
document, and no lock is needed. The oldest files are removed. Each process caches what it read.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path

from gql.cache import ByteCache, CacheRegistry
from gql.logs import get_logger
from store.errors import system_remedy

from .trusted_documents import SHA256_PREFIX, document_hash

BLOCK_BYTES = 4_096
"""A file takes whole blocks of the disk, so each counts as a multiple of this many bytes."""

MAX_FILES = 2_048
"""The most files, since all are listed at each registration: 8 ms of CPU in a thread."""

MAX_TEXT_BYTES = 1 << 20
"""The largest file that is read; `DocumentLimits` refuses a longer document before."""

_HASH = re.compile(r"[0-9a-f]{64}")
_NEW = ".new"
_WARNING_INTERVAL_S = 60


class QueryRegistry:
    """The registry of one process, over the directory that all processes share.

    Attributes:
        directory: The directory, which is created when needed.
        capacity_bytes: The bound of the files, and also of the process's cache.
        cache: The documents of this process, by hash.
    """

    def __init__(
        self,
        directory: Path,
        capacity_bytes: int,
        caches: CacheRegistry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self.capacity_bytes = capacity_bytes
        self.cache: ByteCache[str, str] = caches.add(
            ByteCache("persisted_queries", capacity_bytes, _entry_bytes)
        )
        self._writing = asyncio.Lock()
        self._monotonic = monotonic
        self._warn_again_at = float("-inf")

    def find(self, id: str) -> str | None:
        """The text of the document with a hash; None if it is not registered."""
        hash = id.removeprefix(SHA256_PREFIX)
        if not _HASH.fullmatch(hash):
            return None
        text = self.cache.get(hash)
        if text is None:
            text = self._read(hash)
            if text is not None:
                self.cache.put(hash, text)
        return text

    async def register(self, text: str) -> None:
        """Register a document that was executed. A disk error is logged only."""
        hash = document_hash(text)
        if hash in self.cache:
            return
        self.cache.put(hash, text)
        async with self._writing:
            try:
                await asyncio.to_thread(self._write, hash, text.encode())
            except OSError as error:
                self._warn(error)

    def _read(self, hash: str) -> str | None:
        """The text in a file; None if there is no file, or one whose content has another hash."""
        path = self.directory / hash
        try:
            with path.open("rb") as file:
                text = file.read(MAX_TEXT_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            return None
        if not compare_digest(document_hash(text), hash):
            return None
        with suppress(OSError):
            path.touch()  # the oldest are removed: this one is in use
        return text

    def _write(self, hash: str, content: bytes) -> None:
        """Write a file, and remove the oldest ones above the bound. Raises: OSError."""
        if len(content) > MAX_TEXT_BYTES or _file_bytes(len(content)) > self.capacity_bytes:
            return
        self.directory.mkdir(mode=0o700, exist_ok=True)
        path = self.directory / hash
        new = path.with_name(f"{hash}.{os.getpid()}{_NEW}")
        try:
            new.write_bytes(content)
            new.replace(path)
        except OSError:  # a full disk would fill with empty files
            new.unlink(missing_ok=True)
            raise
        self._remove_oldest()

    def _remove_oldest(self) -> None:
        """Remove the oldest files, until the others are within both bounds."""
        files = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process has removed it
                    status = entry.stat(follow_symlinks=False)
                    files.append((status.st_mtime_ns, entry.path, _file_bytes(status.st_size)))
        size_bytes = sum(size for _, _, size in files)
        files.sort()
        count = len(files)
        for _, path, size in files:
            if size_bytes <= self.capacity_bytes and count <= MAX_FILES:
                break
            try:
                Path(path).unlink(missing_ok=True)
            except OSError:  # no file, or not ours: the next one goes instead
                continue
            size_bytes -= size
            count -= 1

    def _warn(self, error: OSError) -> None:
        """Log that documents are not shared, once a minute: a full disk refuses every one."""
        if self._monotonic() < self._warn_again_at:
            return
        self._warn_again_at = self._monotonic() + _WARNING_INTERVAL_S
        get_logger().warning(
            "persisted_query_not_stored",
            directory=str(self.directory),
            reason=error.strerror,
            effect="Other processes do not have the document; clients send its text again.",
            remedy=system_remedy(error, "Give the server the right to write there."),
        )


def _file_bytes(size_bytes: int) -> int:
    """The size of a file on the disk, in whole blocks; at least one."""
    return max(1, -(-size_bytes // BLOCK_BYTES)) * BLOCK_BYTES


def _entry_bytes(hash: str, text: str) -> int:
    return sys.getsizeof(hash) + sys.getsizeof(text)
