"""A process that writes to a store, for tests with several processes.

`python -m tests.support.store_writer crash STORE [whole]`: for each number k on standard input,
forks a child that puts the article "new" and kills itself at its k-th file-system call; prints the
child's exit status, which is 0 if there are fewer calls. `whole`: batches go to the file, not the
log.

`python -m tests.support.store_writer stop STORE [whole]`: the same, but the child stops itself
there (SIGSTOP). Prints its process id, or 0 if it did not stop; waits for another line, continues
it, and prints its exit status.

`python -m tests.support.store_writer put STORE NAME COUNT [LOG_BYTES]`: prints "ready", waits for a
line on standard input, and puts COUNT articles, a batch each; prints the title of each after its
commit.

`python -m tests.support.store_writer hold FILE`: takes the lock of a file, prints "held", and holds
it until its standard input ends.

`python -m tests.support.store_writer hold-folder FOLDER`: the same with the lock of a folder.

`python -m tests.support.store_writer count STORE COUNT`: prints "ready", waits for a line, and adds
1 to the heat of the article "counter" COUNT times, each time with the expected revision.

`python -m tests.support.store_writer load STORE`: for each line with a number and some seconds on
standard input, forks a child in which eight writers put pairs of articles, counting up, and kills
it these seconds after the given number of acknowledgements; prints as JSON the last number of each
writer.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store import Batch, ConflictError, TinyDBRepository
from store.engines.tinydb.files import store_files
from store.engines.tinydb.files.checkpoint_writer import LOG_BYTES
from store.filesystem.file_lock import locked
from store.folder.transaction import lock_folder
from store.model import Article
from tests.support.repository_contract import make_article

WRITERS = 8
_STEPS = [
    *("open", "fchmod", "utime", "fsync", "fdatasync", "ftruncate", "pwrite"),
    *("replace", "close", "unlink"),
]
_WRITE_BYTES = 512


class _Countdown:
    """Sends a signal to this process at its k-th step, such as SIGKILL."""

    def __init__(self, steps: int, end: int) -> None:
        self._left = steps
        self._end = end

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._end)

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return call(*args, **kwargs)

        return wrapped

    def torn(self, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def wrapped(handle: int, data: Any) -> int:
            half = len(data) // 2
            self.step()
            write(handle, data[:half])
            self.step()
            return half + write(handle, data[half:])

        return wrapped


class _TornFile(io.FileIO):
    """A file whose writes consist of two steps, so that the process may die between them."""

    countdown: _Countdown

    def write(self, data: Any) -> int:
        half = len(data) // 2
        self.countdown.step()
        super().write(data[:half])
        self.countdown.step()
        super().write(data[half:])
        return len(data)


def _put(path: str, names: list[str], log_bytes: int = LOG_BYTES) -> None:
    async def put() -> None:
        repository = TinyDBRepository.open(path, log_bytes=log_bytes)
        for name in names:
            await repository.apply(Batch(puts=(make_article(name),)))
            print(name, flush=True)
        await repository.close()

    asyncio.run(put())


def _put_and_die(path: str, steps: int, end: int) -> None:
    countdown = _Countdown(steps, end)
    _TornFile.countdown = countdown
    for name in _STEPS:
        setattr(os, name, countdown.counted(getattr(os, name)))
    os.write = countdown.torn(os.write)
    os.fdopen = lambda handle, mode, _: io.BufferedWriter(  # type: ignore[assignment]
        _TornFile(handle, mode), _WRITE_BYTES
    )
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _put(path, ["new"])


def _count(path: str, count: int) -> None:
    counter = make_article("counter")

    async def add() -> None:
        repository = TinyDBRepository.open(path)
        done = 0
        while done < count:
            article = (await repository.snapshot()).articles.get(counter.id)
            heat, revision = (article.heat, article.revision) if article else (0, None)
            batch = Batch(
                puts=(make_article("counter", heat=heat + 1),), expected={counter.id: revision}
            )
            try:
                await repository.apply(batch)
            except ConflictError:
                continue
            done += 1
        await repository.close()

    asyncio.run(add())


def pair(writer: int, number: int) -> tuple[Article, Article]:
    """A batch of a writer: two articles, which must be visible together or not at all."""
    text = f"{writer}.{number} " * 100
    return tuple(  # type: ignore[return-value]
        make_article(f"{writer}-{side}", heat=number, content=text) for side in "ab"
    )


async def _write(repository: TinyDBRepository, writer: int, acknowledgements: int) -> None:
    number = 0
    for article in (await repository.snapshot()).articles.values():
        if article.title == f"{writer}-a":
            number = article.heat
    while True:
        number += 1
        await repository.apply(Batch(puts=pair(writer, number)))
        os.write(acknowledgements, b"%d %d\n" % (writer, number))


async def _write_all(path: str, acknowledgements: int) -> None:
    repository = TinyDBRepository.open(path, log_bytes=1)
    await asyncio.gather(*(_write(repository, n, acknowledgements) for n in range(WRITERS)))


def _load(path: str) -> None:
    for line in sys.stdin:
        count, delay_s = line.split()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            asyncio.run(_write_all(path, writing))
            os._exit(1)
        os.close(writing)
        with os.fdopen(reading) as acknowledged:
            lines = [acknowledged.readline() for _ in range(int(count))]
            time.sleep(float(delay_s))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            lines += acknowledged.readlines()
        print(json.dumps(dict(map(str.split, lines))), flush=True)


def _crash(path: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _put_and_die(path, int(line), signal.SIGKILL)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _stop(path: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _put_and_die(path, int(line), signal.SIGSTOP)
            os._exit(0)
        _, status = os.waitpid(child, os.WUNTRACED)
        is_stopped = os.WIFSTOPPED(status)
        print(child if is_stopped else 0, flush=True)
        sys.stdin.readline()
        if is_stopped:
            os.kill(child, signal.SIGCONT)
            _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


async def _hold_folder(folder: Path) -> None:
    async with lock_folder(folder):
        print("held", flush=True)
        sys.stdin.read()


def main() -> None:
    """Run the command of the arguments; see the module."""
    match sys.argv[1:]:
        case ["crash" | "stop" as how, path, *whole]:
            if whole:
                store_files.LARGE_BATCH = 1
            (_crash if how == "crash" else _stop)(path)
        case ["hold", path]:
            with locked(Path(path)):
                print("held", flush=True)
                sys.stdin.read()
        case ["hold-folder", path]:
            asyncio.run(_hold_folder(Path(path)))
        case ["load", path]:
            _load(path)
        case ["count", path, count]:
            print("ready", flush=True)
            sys.stdin.readline()
            _count(path, int(count))
        case ["put", path, name, count, *log_bytes]:
            print("ready", flush=True)
            sys.stdin.readline()
            names = [f"{name}-{number}" for number in range(int(count))]
            _put(path, names, *map(int, log_bytes))


if __name__ == "__main__":
    main()
