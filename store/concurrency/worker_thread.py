"""A worker thread: blocking calls run one after the other, and their callers await them.

`ThreadPoolExecutor(1)` does more for each call while it holds the GIL, time for which readers wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class _Call(NamedTuple):
    function: Callable[[], object]
    on_loop_closed: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[object]


class WorkerThread:
    """One thread with a first-in, first-out queue of calls. Started by the first call.

    It is a daemon thread: the process may end before a call is done that nothing awaited.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(
        self, function: Callable[[], T], on_loop_closed: Callable[[], object] = lambda: None
    ) -> asyncio.Future[T]:
        """Queue a call, and return a future of the running event loop for its result.

        Once the call is done, `on_loop_closed` is called in the thread if that loop was closed.
        """
        if self._thread is None:
            self._thread = Thread(target=_work, args=(self._calls,), daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        call = _Call(function, on_loop_closed, loop, result)  # type: ignore[arg-type]  # of any type
        self._calls.put(call)
        return result

    def close(self) -> None:
        """End the thread after the calls that are queued."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None


def _work(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        try:
            result, error = call.function(), None
        except BaseException as raised:  # noqa: BLE001  # passed to the caller
            result, error = None, raised
        try:
            call.loop.call_soon_threadsafe(_resolve, call.result, result, error)
        except RuntimeError:  # the loop was closed
            call.on_loop_closed()
        del call, result, error  # free what they hold before waiting for the next call


def _resolve(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
