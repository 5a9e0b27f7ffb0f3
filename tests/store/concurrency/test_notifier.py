"""Coalesced calls: all tasks that wait share a run that begins after each of their calls."""

from __future__ import annotations

import asyncio

import pytest

from store.concurrency.notifier import CoalescedCall


def test_run_begins_after_every_call_that_it_serves():
    """A call during a run gets the next one, shared by all calls until then."""
    state, states_seen = 0, list[int]()
    may_finish = asyncio.Event()

    async def read_state() -> None:
        states_seen.append(state)
        await may_finish.wait()

    async def check() -> None:
        nonlocal state
        call = CoalescedCall(read_state)
        first = [asyncio.create_task(call.wait()) for _ in range(3)]
        while not states_seen:  # noqa: ASYNC110  # until the first run has begun
            await asyncio.sleep(0)
        state = 1
        second = [asyncio.create_task(call.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        may_finish.set()
        await asyncio.gather(*first)
        await asyncio.gather(*second)

    asyncio.run(check())
    assert states_seen == [0, 1]


def test_error_of_a_run_reaches_all_its_callers_and_no_others():
    """The next run begins anew, also under another event loop and after a cancelled call."""
    fails = True

    async def read() -> None:
        if fails:
            raise OSError("no room")

    call = CoalescedCall(read)

    async def wait_three_times() -> None:
        results = await asyncio.gather(*(call.wait() for _ in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == ["no room"] * 3

    async def wait_and_cancel() -> None:
        asyncio.create_task(call.wait()).cancel()
        await asyncio.sleep(0)

    asyncio.run(wait_three_times())
    asyncio.run(wait_and_cancel())
    fails = False
    asyncio.run(call.wait())
    fails = True
    with pytest.raises(OSError, match="no room"):
        asyncio.run(call.wait())
