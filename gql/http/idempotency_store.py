"""Answers on the disk, one file each, which one process at a time may look at or write.

A file is a `KeptAnswer` behind its CRC-32, in 4 bytes: a crash may leave a part of it, or zeros.
What is damaged counts as no answer, and goes.
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
from store.errors import StoreBusyError, StoreUnavailableError, remedy_of
from store.filesystem.file_lock import WAIT_S, is_at, lock_now, opened, try_lock

KEPT_S = 24 * 3600
MAX_KEPT = 10_000
_PRUNE_EVERY = 100
_LOOK_AGAIN_S = 0.01
_WAIT_S = 3 * WAIT_S  # the first request may wait as well: for its turn with folder and store
_WARN_EVERY_S = 60
_CHECKSUM_BYTES = 4


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer, and the digest of the request that it answers."""

    request: str
    body: bytes
    operation_name: str | None = None
    error_codes: tuple[str, ...] = ()
    at: float = 0.0


_decode = msgspec.msgpack.Decoder(KeptAnswer).decode


class Entry:
    """The place of one answer, for who holds it. `found`: the answer that is there already."""

    def __init__(self, handle: int, now: float) -> None:
        self._handle = handle
        self._now = now
        self.found = self._read()
        self.is_empty = self.found is None

    def _read(self) -> KeptAnswer | None:
        with suppress(OSError, ValueError):  # what decoders raise is a ValueError
            data = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
            answer = _decode(_checked(data))
            if _is_kept(answer.at, self._now):
                return answer
        return None

    def keep(self, answer: KeptAnswer) -> None:
        """Keep an answer, flushed to the disk. Raises: OSError: it is not kept."""
        data = msgspec.msgpack.encode(msgspec.structs.replace(answer, at=self._now))
        data = _checksum(data) + data
        os.ftruncate(self._handle, 0)
        written = 0
        while written < len(data):  # a disk that is nearly full takes a part
            written += os.pwrite(self._handle, data[written:], written)
        os.utime(self._handle, (self._now, self._now))
        os.fsync(self._handle)
        self.is_empty = False


def _is_kept(at: float, now: float) -> bool:
    """Whether what was written at a time is young enough.

    The system clock may have been wrong, then or now, and an answer has to go in the end: one that
    is from more than a day ahead does not stay until that day.
    """
    return abs(now - at) < KEPT_S


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES)


def _checked(data: bytes) -> bytes:
    """What was written behind its checksum. Raises: ValueError: it is another."""
    checksum, rest = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
    if checksum != _checksum(rest):
        raise ValueError("the checksum is wrong")
    return rest


class KeptAnswers:
    """The newest `max_kept` answers of the last 24 hours, in a directory made when it is needed.

    They may hold what only some may read, so only the server's user can. `clock` gives seconds
    since 1970, since answers outlive the process; `monotonic` gives those of what does not.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_kept: int = MAX_KEPT,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._max_kept = max_kept
        self._clock = clock
        self._monotonic = monotonic
        self._until_prune = 0
        self._warn_again_at = float("-inf")

    async def keep(self, entry: Entry, answer: KeptAnswer) -> None:
        """Keep an answer in its place. Where the disk does not take it, that is logged.

        What was written stands all the same, and the store finds it again by its key.
        """
        try:
            await asyncio.to_thread(entry.keep, answer)
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        """Log that answers are not kept, once a minute: a full disk refuses every one."""
        if self._monotonic() < self._warn_again_at:
            return
        self._warn_again_at = self._monotonic() + _WARN_EVERY_S
        get_logger().warning(
            "answer_not_kept",
            directory=str(self._directory),
            reason=error.strerror,
            effect="Its mutation is done and answered; sent again, the history answers it.",
            remedy=remedy_of(error, "Give the server the right to write there."),
        )

    @asynccontextmanager
    async def entry(self, name: str) -> AsyncIterator[Entry]:
        """The place of an answer, once nobody else has it. Raises: StoreUnavailableError."""
        path = self._directory / name
        try:
            await asyncio.to_thread(self._prune)
            handle = await _hold(path)
        except OSError as error:
            raise StoreUnavailableError(
                f"Answers cannot be kept beside the store: {error.strerror}. Nothing was done. "
                + remedy_of(
                    error,
                    "Give the server the right to write there, or send no Idempotency-Key.",
                )
            ) from error
        try:
            entry = Entry(handle, self._clock())
            try:
                yield entry
            finally:
                if entry.is_empty:
                    with suppress(OSError):  # what stays is damaged, or old, and counts as none
                        path.unlink()
        finally:
            os.close(handle)

    def _prune(self) -> None:
        """Make the directory, and now and then remove what is too old or too much."""
        self._until_prune -= 1
        if self._until_prune >= 0:
            return
        self._until_prune = _PRUNE_EVERY
        self._directory.mkdir(mode=0o700, exist_ok=True)
        with os.scandir(self._directory) as entries:
            ages = sorted((-_mtime(entry), entry.path) for entry in entries)
        now, kept = self._clock(), 0
        for age, path in ages:
            if _is_kept(-age, now) and kept < self._max_kept:
                kept += 1
            else:
                _forget(Path(path))


async def _hold(path: Path) -> int:
    """The file, locked; one that its former holder removed meanwhile is made again.

    Raises: StoreBusyError: another has it for too long.
    """
    deadline = time.monotonic() + _WAIT_S
    while True:
        handle = opened(path)
        try:
            while not lock_now(handle):
                if time.monotonic() >= deadline:
                    raise StoreBusyError
                await asyncio.sleep(_LOOK_AGAIN_S)
        except BaseException:
            os.close(handle)
            raise
        if is_at(handle, path):
            return handle
        os.close(handle)


def _mtime(entry: os.DirEntry[str]) -> float:
    """When an entry was last written; long ago for one that has just gone."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _forget(path: Path) -> None:
    """Remove an answer, unless somebody is at it."""
    handle = try_lock(path, makes=False)
    if handle is not None:
        try:
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)
