"""One blocking call after the other, in a thread of their own.

A pool of threads does more for each call, with the interpreter held: time that readers wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class _Call(NamedTuple):
    do: Callable[[], object]
    lost: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[object]


class Lane:
    """Calls are done in the order in which they come; the thread is started for the first one.

    It does not keep the process from ending: who has not waited for a call was told nothing.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(
        self, call: Callable[[], T], lost: Callable[[], object] = lambda: None
    ) -> asyncio.Future[T]:
        """What a call returns, or raises. To be asked on an event loop.

        `lost` is called instead where that loop has been closed meanwhile.
        """
        if self._thread is None:
            self._thread = Thread(target=_work, args=(self._calls,), daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._calls.put(_Call(call, lost, loop, done))  # type: ignore[arg-type]  # of any type
        return done

    def close(self) -> None:
        """Let the thread end when the calls that were asked for are done."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        try:
            result, error = call.do(), None
        except BaseException as raised:  # noqa: BLE001  # it is for who has asked
            result, error = None, raised
        try:
            call.loop.call_soon_threadsafe(_settle, call.done, result, error)
        except RuntimeError:  # the loop was closed: nobody waits any more
            call.lost()
        del call, result, error  # what they hold is not to wait for the next call


def _settle(done: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
