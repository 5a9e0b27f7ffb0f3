"""The idempotency key store: results of mutations on disk, one locked file for each key.

A file is a checksum (CRC-32, 4 bytes) and a `StoredResult`. After a crash it may be truncated or
zeroed; a damaged file counts as no result and is removed.
"""

from __future__ import annotations

import asyncio
import os
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from gql.logs import get_logger
from store.errors import StoreBusyError, StoreUnavailableError, system_remedy
from store.filesystem.file_lock import LOCK_TIMEOUT_S, flock, is_file_at, open_lock_file, try_lock

RETENTION_S = 24 * 3600
"""How long a result is stored, in seconds."""
MAX_RESULTS = 10_000
MAX_BYTES = 1 << 28
"""How many results, and how many bytes of them, are stored; beyond that the oldest are removed."""
_PRUNE_INTERVAL = 100  # keys
_PRUNE_SHARE = 8  # of the bytes: so many are saved at most before the next time
_POLL_S = 0.01
_LOCK_TIMEOUT_S = 3 * LOCK_TIMEOUT_S  # the first request may wait for folder and store
_WARNING_INTERVAL_S = 60
_CHECKSUM_BYTES = 4


class StoredResult(msgspec.Struct, frozen=True):
    """The result of a mutation.

    Attributes:
        request: The digest of the request.
        body: The JSON of the response.
        operation_name: The name of the operation.
        error_codes: The codes of the errors in the response.
        at: When it was stored, in seconds since 1970.
    """

    request: str
    body: bytes
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()
    at: float = 0.0


_decode = msgspec.msgpack.Decoder(StoredResult).decode


class LockedEntry:
    """The entry of one key while its lock is held.

    Attributes:
        stored: The result in the file; None if there is none.
        is_empty: Whether the file has no result, neither from before nor saved now.
    """

    def __init__(self, handle: int, now: float) -> None:
        self._handle = handle
        self._now = now
        self.stored = self._read()
        self.is_empty = self.stored is None

    def _read(self) -> StoredResult | None:
        with suppress(OSError, ValueError):  # what decoders raise is a ValueError
            data = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
            result = _decode(_verify_checksum(data))
            if _is_recent(result.at, self._now):
                return result
        return None

    def save(self, result: StoredResult) -> None:
        """Write a result and flush it to disk. Raises: OSError: it is not stored."""
        data = msgspec.msgpack.encode(msgspec.structs.replace(result, at=self._now))
        data = _checksum(data) + data
        os.ftruncate(self._handle, 0)
        written = 0
        while written < len(data):  # a disk that is nearly full takes a part
            written += os.pwrite(self._handle, data[written:], written)
        os.utime(self._handle, (self._now, self._now))
        os.fsync(self._handle)
        self.is_empty = False


def _is_recent(at: float, now: float) -> bool:
    """Whether a time is within the retention.

    A result from more than a day in the future (the clock was wrong) has to be removed as well.
    """
    return abs(now - at) < RETENTION_S


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES)


def _verify_checksum(data: bytes) -> bytes:
    """The data behind its checksum. Raises: ValueError: the checksum is wrong."""
    checksum, payload = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if checksum != _checksum(payload):
        raise ValueError("the checksum is wrong")
    return payload


class IdempotencyStore:
    """The newest results of the last 24 hours, in a directory that is created when needed.

    Only the server's user can read the files: results may hold what only some viewers may read.

    Args:
        directory: The directory of the files.
        max_results: How many results are stored.
        max_bytes: How many bytes of results are stored.
        clock: Seconds since 1970, since results outlive the process.
        monotonic: Seconds of a monotonic clock, for warnings.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_results: int = MAX_RESULTS,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._max_results = max_results
        self._max_bytes = max_bytes
        self._clock = clock
        self._monotonic = monotonic
        self._until_prune = 0
        self._unpruned_bytes = 0
        self._warn_again_at = float("-inf")

    async def save(self, entry: LockedEntry, result: StoredResult) -> None:
        """Store a result. A disk error is logged only.

        The write of the mutation is committed all the same; the store's history has its key.
        """
        try:
            await asyncio.to_thread(entry.save, result)
            self._unpruned_bytes += len(result.body)
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        """Log that results are not stored, once a minute: a full disk refuses every one."""
        if self._monotonic() < self._warn_again_at:
            return
        self._warn_again_at = self._monotonic() + _WARNING_INTERVAL_S
        get_logger().warning(
            "idempotency_result_not_stored",
            directory=str(self._directory),
            reason=error.strerror,
            effect="The mutation is done. A retry is answered from the store's history.",
            remedy=system_remedy(error, "Give the server the right to write there."),
        )

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncIterator[LockedEntry]:
        """Lock the entry of a key, across processes. Raises: StoreUnavailableError."""
        path = self._directory / name
        try:
            await asyncio.to_thread(self._prune)
            handle = await _open_locked(path)
        except OSError as error:
            raise StoreUnavailableError(
                f"Idempotency keys cannot be stored beside the store: {error.strerror}. "
                "Nothing was executed. "
                + system_remedy(
                    error,
                    "Give the server the right to write there, or send no Idempotency-Key.",
                )
            ) from error
        try:
            entry = LockedEntry(handle, self._clock())
            try:
                yield entry
            finally:
                if entry.is_empty:
                    with suppress(OSError):  # a file that stays is damaged or old: no result
                        path.unlink()
        finally:
            os.close(handle)

    def _prune(self) -> None:
        """Create the directory; on every 100th key, and after many bytes, remove results that are
        too old or too many.
        """
        self._until_prune -= 1
        if self._until_prune >= 0 and self._unpruned_bytes < self._max_bytes // _PRUNE_SHARE:
            return
        self._until_prune, self._unpruned_bytes = _PRUNE_INTERVAL, 0
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with os.scandir(self._directory) as files:
            newest_first = sorted((_mtime_and_size(file), file.path) for file in files)
        newest_first.reverse()
        now, count, size_bytes = self._clock(), 0, 0
        for (mtime, size), path in newest_first:
            count, size_bytes = count + 1, size_bytes + size
            is_within = count <= self._max_results and size_bytes <= self._max_bytes
            if not (is_within and _is_recent(mtime, now)):
                _remove_unlocked(Path(path))
                count, size_bytes = count - 1, size_bytes - size


async def _open_locked(path: Path) -> int:
    """Open and lock a file; open it again if its former holder has removed it meanwhile.

    Raises: StoreBusyError: the lock timed out.
    """
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        handle = open_lock_file(path)
        try:
            while not flock(handle):
                if time.monotonic() >= deadline:
                    raise StoreBusyError
                await asyncio.sleep(_POLL_S)
        except BaseException:
            os.close(handle)
            raise
        if is_file_at(handle, path):
            return handle
        os.close(handle)


def _mtime_and_size(file: os.DirEntry[str]) -> tuple[float, int]:
    """The modification time and the size of a file; zeros if it has just been removed."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0.0, 0
    return status.st_mtime, status.st_size


def _remove_unlocked(path: Path) -> None:
    """Remove a file, unless it is locked."""
    handle = try_lock(path, create=False)
    if handle is not None:
        try:
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)
