"""A process that writes to a store, for tests that need another one.

`python -m tests.store_writer crash STORE`: for each number k on standard input, forks a child that
puts the article "new" and kills itself at its k-th step in the file system; prints the child's
exit status, which is 0 once k is more than all steps.

`python -m tests.store_writer put STORE NAME COUNT`: says "ready", waits for a line on standard
input, and puts COUNT articles, a batch each.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from store import Batch, TinyDBRepository

from .repository_contract import an_article

_STEPS = ["open", "fchmod", "utime", "fsync", "replace", "close", "unlink"]
_WRITE_BYTES = 512


class _Countdown:
    """Kills this process at its k-th step."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return call(*args, **kwargs)

        return wrapped


class _TornFile(io.FileIO):
    """A file on which the process may die in the middle of a write."""

    countdown: _Countdown

    def write(self, data: Any) -> int:
        half = len(data) // 2
        self.countdown.step()
        super().write(data[:half])
        self.countdown.step()
        super().write(data[half:])
        return len(data)


def _put(path: str, names: list[str]) -> None:
    async def put() -> None:
        repository = TinyDBRepository.open(path)
        for name in names:
            await repository.apply(Batch(puts=(an_article(name),)))
        await repository.close()

    asyncio.run(put())


def _put_and_die(path: str, steps: int) -> None:
    countdown = _Countdown(steps)
    _TornFile.countdown = countdown
    for name in _STEPS:
        setattr(os, name, countdown.counted(getattr(os, name)))
    os.fdopen = lambda handle, mode, _: io.BufferedWriter(  # type: ignore[assignment]
        _TornFile(handle, mode), _WRITE_BYTES
    )
    _put(path, ["new"])


def _crash(path: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _put_and_die(path, int(line))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def main() -> None:
    """See the module."""
    match sys.argv[1:]:
        case ["crash", path]:
            _crash(path)
        case ["put", path, name, count]:
            print("ready", flush=True)
            sys.stdin.readline()
            _put(path, [f"{name}-{number}" for number in range(int(count))])


if __name__ == "__main__":
    main()
