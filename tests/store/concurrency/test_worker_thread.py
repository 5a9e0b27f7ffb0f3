"""A worker thread runs blocking calls one after the other."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from store.concurrency.worker_thread import WorkerThread


def test_calls_run_one_after_the_other_in_order():
    """No call begins before the one that was submitted before it has ended."""
    worker = WorkerThread()
    events: list[tuple[str, int]] = []

    def call(number: int) -> int:
        events.append(("begins", number))
        events.append(("ends", number))
        return number

    async def submit() -> list[int]:
        return await asyncio.gather(*(worker.submit(partial(call, n)) for n in range(20)))

    assert asyncio.run(submit()) == list(range(20))
    assert events == [(event, n) for n in range(20) for event in ("begins", "ends")]


def test_error_of_a_call_reaches_its_caller_and_no_other():
    """The call after one that fails is run."""
    worker = WorkerThread()

    def fail() -> None:
        raise OSError("no room")

    async def submit() -> int:
        failing, working = worker.submit(fail), worker.submit(lambda: 5)
        with pytest.raises(OSError, match="no room"):
            await failing
        return await working

    assert asyncio.run(submit()) == 5


def test_call_runs_to_its_end_though_its_loop_was_closed():
    """A caller that stops waiting stops neither its call nor later ones."""
    worker, may_finish = WorkerThread(), threading.Event()
    ended: list[str] = []

    def slow() -> None:
        may_finish.wait()
        ended.append("slow")

    async def submit_and_leave() -> None:
        worker.submit(slow)

    async def submit() -> None:
        may_finish.set()
        await worker.submit(lambda: ended.append("next"))

    asyncio.run(submit_and_leave())
    asyncio.run(submit())
    assert ended == ["slow", "next"]


def test_thread_ends_when_the_worker_is_closed_and_its_calls_have_ended():
    """A closed store leaves no thread behind. Calls submitted before are run."""
    worker = WorkerThread()

    async def submit() -> threading.Thread:
        thread = worker.submit(threading.current_thread)
        worker.close()
        return await thread

    thread = asyncio.run(submit())
    thread.join(timeout=10)
    assert not thread.is_alive()
