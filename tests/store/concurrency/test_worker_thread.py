"""Blocking calls in a thread of their own, one after the other."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from store.concurrency.worker_thread import WorkerThread


def test_calls_are_done_one_after_the_other_in_order():
    """However many ask at once, no call begins before the one that was asked for before is done."""
    worker = WorkerThread()
    steps: list[tuple[str, int]] = []

    def call(number: int) -> int:
        steps.append(("begins", number))
        steps.append(("is done", number))
        return number

    async def ask() -> list[int]:
        return await asyncio.gather(*(worker.submit(partial(call, n)) for n in range(20)))

    assert asyncio.run(ask()) == list(range(20))
    assert steps == [(what, n) for n in range(20) for what in ("begins", "is done")]


def test_error_of_a_call_reaches_who_asked_and_nobody_else():
    """The call behind one that fails is done."""
    worker = WorkerThread()

    def fail() -> None:
        raise OSError("no room")

    async def ask() -> int:
        failing, working = worker.submit(fail), worker.submit(lambda: 5)
        with pytest.raises(OSError, match="no room"):
            await failing
        return await working

    assert asyncio.run(ask()) == 5


def test_call_is_done_though_its_loop_has_ended():
    """Who stopped waiting does not stop the work, nor those who ask after it."""
    worker, may_go_on = WorkerThread(), threading.Event()
    done: list[str] = []

    def slow() -> None:
        may_go_on.wait()
        done.append("slow")

    async def ask_and_leave() -> None:
        worker.submit(slow)

    async def ask() -> None:
        may_go_on.set()
        await worker.submit(lambda: done.append("next"))

    asyncio.run(ask_and_leave())
    asyncio.run(ask())
    assert done == ["slow", "next"]


def test_thread_ends_when_the_worker_is_closed_and_its_calls_are_done():
    """A store that was closed leaves no thread behind; what was asked for before is done."""
    worker = WorkerThread()

    async def ask() -> threading.Thread:
        thread = worker.submit(threading.current_thread)
        worker.close()
        return await thread

    thread = asyncio.run(ask())
    thread.join(timeout=10)
    assert not thread.is_alive()
