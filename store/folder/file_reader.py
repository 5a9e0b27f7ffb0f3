"""File reader: reads and parses many files, in worker processes if there are many.

A worker runs this module in a Python process of its own. Unlike a worker of multiprocessing it does
not import the program's main module again, which would cost more than the reading.
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
from store.documents.front_matter_reader import too_large_diagnostic
from store.documents.frontmatter import ParseOptions
from store.documents.parse_result import ParseResult
from store.documents.topic_reader import is_topic_path, read_topic
from store.errors import system_remedy
from store.filesystem.file_state import FileState

Progress = Callable[[int, int], None]

MIN_FILES_FOR_WORKERS = 300  # fewer are read before a worker has started
READER_VERSION = 6
"""The version of the rules by which files are read. Raise it when a file may be read otherwise than
before: the next load reads all files again. Version 1 makes drafts of `draft: true`. Version 2
makes slugs in every script. Version 3 reads locales from paths, and translation keys.
Version 4 stores the format of the content. Version 5 places images of page bundles beside their
pages, and leaves folders such as `_posts` out of categories. Version 6 makes drafts of `status:
draft`."""

_FILES_PER_REQUEST = 100
_LENGTH = struct.Struct(">I")
_WORKER_CODE = "from store.folder.file_reader import serve_requests; serve_requests()"


class FileResult(msgspec.Struct, frozen=True):
    """The result of reading one file.

    Attributes:
        path: Relative to the folder, with slashes.
        state: The file's state when it was opened.
        parse_result: The article or topic, and the diagnostics.
        is_missing: The file does not exist any more.
    """

    path: str
    state: FileState = FileState()
    parse_result: ParseResult = ParseResult()
    is_missing: bool = False


class _Request(msgspec.Struct):
    root: str
    options: ParseOptions
    paths: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(_Request).decode
_decode_results = msgspec.msgpack.Decoder(list[FileResult]).decode


def read_file(root: str, path: str, options: ParseOptions) -> FileResult:
    """Read and parse one file of the folder. Never raises: errors are diagnostics of the result."""
    try:
        # If a pipe has replaced the file, opening it must not wait for a writer.
        descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return FileResult(path, is_missing=True)
            parse_result = _read(
                path, file.read(options.max_size_bytes + 1), status.st_size, options
            )
    except FileNotFoundError:
        return FileResult(path, is_missing=True)
    except OSError as e:
        problem = error(
            path,
            DiagnosticCode.UNREADABLE_FILE,
            f"The file cannot be read: {e.strerror}.",
            remedy=system_remedy(e, "Give the user that runs newsgraph the right to read it."),
        )
        return FileResult(path, parse_result=ParseResult(diagnostics=(problem,)))
    return FileResult(path, FileState.of(status), parse_result)


def _read(path: str, data: bytes, size_bytes: int, options: ParseOptions) -> ParseResult:
    if len(data) > options.max_size_bytes:
        return ParseResult(
            diagnostics=(too_large_diagnostic(path, max(size_bytes, len(data)), options),)
        )
    return (read_topic if is_topic_path(path) else read_article)(path, data, options)


async def read_files(
    root: str, paths: Sequence[str], options: ParseOptions, progress: Progress | None = None
) -> list[FileResult]:
    """Read files of a folder; the results come in any order.

    `progress` receives the number of files read so far, and of all files.
    """
    requests = (
        _request(root, options, paths[i : i + _FILES_PER_REQUEST])
        for i in range(0, len(paths), _FILES_PER_REQUEST)
    )
    done: list[FileResult] = []

    def on_done(results: list[FileResult]) -> None:
        done.extend(results)
        if progress:
            progress(len(done), len(paths))

    worker_count = (os.cpu_count() or 1) if len(paths) > MIN_FILES_FOR_WORKERS else 1
    if worker_count > 1:
        async with asyncio.TaskGroup() as group:
            for _ in range(worker_count):
                group.create_task(_run_worker(requests, on_done))
    else:
        for request in requests:
            on_done(await asyncio.to_thread(_handle_request, request))
    return done


def _request(root: str, options: ParseOptions, paths: Sequence[str]) -> _Request:
    commits = options.commits.select(paths)
    return _Request(root, msgspec.structs.replace(options, commits=commits), [*paths])


def _handle_request(request: _Request) -> list[FileResult]:
    return [read_file(request.root, path, request.options) for path in request.paths]


async def _run_worker(
    requests: Iterator[_Request], on_done: Callable[[list[FileResult]], None]
) -> None:
    """Run one worker process until there are no more requests."""
    worker = await asyncio.to_thread(_start_worker)
    try:
        for request in requests:
            on_done(await asyncio.to_thread(_send_request, worker, request))
    finally:
        worker.kill()
        await asyncio.to_thread(worker.communicate)  # waits for its exit and closes the pipes


def _start_worker() -> subprocess.Popen[bytes]:
    # Not by the event loop: uvloop forks, which copies the page tables of the whole process and
    # blocks every reader meanwhile.
    return subprocess.Popen(  # noqa: S603  # this Python, with a text of ours
        [sys.executable, "-c", _WORKER_CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # Ctrl-C goes to the main program, which ends its workers
    )


def _send_request(worker: subprocess.Popen[bytes], request: _Request) -> list[FileResult]:
    """Send a request to a worker; handle it in this process if the worker was killed."""
    assert worker.stdin  # noqa: S101 - both are pipes, see above
    assert worker.stdout  # noqa: S101
    data = _encode(request)
    try:
        worker.stdin.write(_LENGTH.pack(len(data)) + data)
        worker.stdin.flush()
        (length,) = _LENGTH.unpack(worker.stdout.read(_LENGTH.size))
        return _decode_results(worker.stdout.read(length))
    except (struct.error, msgspec.DecodeError, ConnectionError):
        return _handle_request(request)


def serve_requests() -> None:
    """Serve as a worker: answer requests on standard input until it closes."""
    gc.freeze()  # present objects stay for the whole run: no need to collect among them
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    while head := read(_LENGTH.size):
        (length,) = _LENGTH.unpack(head)
        data = _encode(_handle_request(_decode_request(read(length))))
        write(_LENGTH.pack(len(data)) + data)
        sys.stdout.flush()
