"""Reading many files: here, or with helper processes on all cores.

A helper is this module run by a Python of its own. Unlike multiprocessing's it does not import the
program's main module again, which would cost more than the reading.
"""

from __future__ import annotations

import asyncio
import gc
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import msgspec

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode, error
from store.documents.frontmatter import ParseLimits
from store.documents.parse_result import ParseResult, too_large
from store.documents.topic_reader import is_topic_path, read_topic
from store.errors import remedy_of
from store.filesystem.file_state import FileState

Progress = Callable[[int, int], None]

MANY_FILES = 300  # fewer are read before a helper has started
_CHUNK = 100
_LENGTH = struct.Struct(">I")
_HELPER = "from store.folder.file_reader import serve; serve()"


class FileReading(msgspec.Struct, frozen=True):
    """What reading one file gave, and the file's state when it was opened.

    `gone`: it was not there any more.
    """

    path: str
    state: FileState = FileState()
    reading: ParseResult = ParseResult()
    gone: bool = False


class _Request(msgspec.Struct):
    root: str
    limits: ParseLimits
    paths: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(_Request).decode
_decode_readings = msgspec.msgpack.Decoder(list[FileReading]).decode


def read_file(root: str, path: str, limits: ParseLimits) -> FileReading:
    """Read one file of the folder. Never raises: what is wrong is in the reading."""
    try:
        # Should a pipe have taken the file's place, opening it must not wait for a writer.
        descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return FileReading(path, gone=True)
            reading = _read(path, file.read(limits.max_size_bytes + 1), status.st_size, limits)
    except FileNotFoundError:
        return FileReading(path, gone=True)
    except OSError as e:
        problem = error(
            path,
            DiagnosticCode.UNREADABLE_FILE,
            f"The file cannot be read: {e.strerror}.",
            remedy=remedy_of(e, "Give the user that runs newsgraph the right to read it."),
        )
        return FileReading(path, reading=ParseResult(diagnostics=(problem,)))
    return FileReading(path, FileState.of(status), reading)


def _read(path: str, data: bytes, size_bytes: int, limits: ParseLimits) -> ParseResult:
    if len(data) > limits.max_size_bytes:
        return ParseResult(diagnostics=(too_large(path, max(size_bytes, len(data)), limits),))
    return (read_topic if is_topic_path(path) else read_article)(path, data, limits)


async def read_files(
    root: str, paths: Sequence[str], limits: ParseLimits, progress: Progress | None = None
) -> list[FileReading]:
    """Read files of a folder, in any order. `progress` is told how many are done, of how many."""
    requests = (
        _Request(root, limits, list(paths[i : i + _CHUNK])) for i in range(0, len(paths), _CHUNK)
    )
    done: list[FileReading] = []

    def finish(readings: list[FileReading]) -> None:
        done.extend(readings)
        if progress:
            progress(len(done), len(paths))

    workers = (os.cpu_count() or 1) if len(paths) > MANY_FILES else 1
    if workers > 1:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(_help(requests, finish))
    else:
        for request in requests:
            finish(await asyncio.to_thread(_answer, request))
    return done


def _answer(request: _Request) -> list[FileReading]:
    return [read_file(request.root, path, request.limits) for path in request.paths]


async def _help(requests: Iterator[_Request], finish: Callable[[list[FileReading]], None]) -> None:
    """Have one helper process answer requests until there are no more."""
    helper = await asyncio.to_thread(_start_helper)
    try:
        for request in requests:
            finish(await asyncio.to_thread(_ask, helper, request))
    finally:
        helper.kill()
        await asyncio.to_thread(helper.communicate)  # waits for its end and closes the pipes


def _start_helper() -> subprocess.Popen[bytes]:
    # Not the event loop's way: uvloop forks, which copies the page tables of all that is loaded and
    # keeps every reader waiting meanwhile.
    return subprocess.Popen(  # noqa: S603  # this Python, with a text of ours
        [sys.executable, "-c", _HELPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # Ctrl-C is for the main program, which ends its helpers
    )


def _ask(helper: subprocess.Popen[bytes], request: _Request) -> list[FileReading]:
    """The helper's answer; our own, should it have been killed."""
    assert helper.stdin  # noqa: S101 - both are pipes, see above
    assert helper.stdout  # noqa: S101
    data = _encode(request)
    try:
        helper.stdin.write(_LENGTH.pack(len(data)) + data)
        helper.stdin.flush()
        (length,) = _LENGTH.unpack(helper.stdout.read(_LENGTH.size))
        return _decode_readings(helper.stdout.read(length))
    except (struct.error, msgspec.DecodeError, ConnectionError):
        return _answer(request)


def serve() -> None:
    """Be a helper: answer requests on the standard input until it closes."""
    gc.freeze()  # what is there now stays, so the collector need not look at it
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    while head := read(_LENGTH.size):
        (length,) = _LENGTH.unpack(head)
        data = _encode(_answer(_decode_request(read(length))))
        write(_LENGTH.pack(len(data)) + data)
        sys.stdout.flush()
