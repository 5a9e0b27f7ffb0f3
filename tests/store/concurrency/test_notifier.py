"""One look for all who ask for it, which begins after each of them has asked."""

from __future__ import annotations

import asyncio

import pytest

from store.concurrency.notifier import CoalescedCall


def test_round_begins_after_everyone_who_waits_for_it_has_asked():
    """Whoever asks while a round is under way gets the next, together with all who do."""
    state, begun = 0, list[int]()
    may_go_on = asyncio.Event()

    async def look() -> None:
        begun.append(state)
        await may_go_on.wait()

    async def check() -> None:
        nonlocal state
        call = CoalescedCall(look)
        first = [asyncio.create_task(call.wait()) for _ in range(3)]
        while not begun:  # noqa: ASYNC110  # until the first round has begun
            await asyncio.sleep(0)
        state = 1
        second = [asyncio.create_task(call.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        may_go_on.set()
        await asyncio.gather(*first)
        await asyncio.gather(*second)

    asyncio.run(check())
    assert begun == [0, 1]


def test_error_of_a_round_reaches_all_who_wait_for_it_and_nobody_else():
    """The next round begins anew, also under another event loop and after one was given up."""
    fails = True

    async def look() -> None:
        if fails:
            raise OSError("no room")

    call = CoalescedCall(look)

    async def ask() -> None:
        done = await asyncio.gather(*(call.wait() for _ in range(3)), return_exceptions=True)
        assert [str(each) for each in done] == ["no room"] * 3

    async def leave() -> None:
        asyncio.create_task(call.wait()).cancel()  # nobody waits for it
        await asyncio.sleep(0)

    asyncio.run(ask())
    asyncio.run(leave())
    fails = False
    asyncio.run(call.wait())
    fails = True
    with pytest.raises(OSError, match="no room"):
        asyncio.run(call.wait())
