"""Cooperative multitasking: steps of work between which other tasks run."""

from __future__ import annotations

import asyncio
import random
from operator import itemgetter

import pytest

from store.concurrency import cooperative
from store.concurrency.cooperative import (
    FREE_CHUNK,
    SORT_BLOCK,
    Cooperative,
    chunks_of,
    free_gradually,
    paced,
    run_interleaved,
    run_to_end,
    sort_in_blocks,
)


def _counting(done: list[int], number: int) -> Cooperative[int]:
    for each in range(number):
        done.append(each)
        yield
    return sum(done)


def test_run_to_end_does_all_steps():
    """Without a break, the result is the same."""
    done: list[int] = []
    assert run_to_end(_counting(done, 4)) == 6
    assert done == [0, 1, 2, 3]


def test_run_interleaved_lets_other_tasks_run(monkeypatch):
    """Other tasks of the event loop run between the steps, not after them."""
    monkeypatch.setattr(cooperative, "TIME_SLICE_S", 0)
    done: list[object] = []

    async def other() -> None:
        done.append("other")

    async def check() -> int:
        task = asyncio.create_task(other())
        result = await run_interleaved(_counting([], 3))
        done.append("all")
        await task
        return result

    assert asyncio.run(check()) == 3
    assert done == ["other", "all"]


def test_run_interleaved_raises_the_error_of_a_step():
    """The caller gets the error of a step."""

    def failing():
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(run_interleaved(failing()))


@pytest.mark.parametrize("pause_s", [0, 1e-6])
def test_paced_items_are_all_items(pause_s, monkeypatch):
    """Pauses leave out nothing."""
    monkeypatch.setattr(cooperative, "TIME_SLICE_S", 0)
    assert list(paced(range(5), pause_s)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [0, 1, SORT_BLOCK, 3 * SORT_BLOCK + 1])
def test_sort_in_blocks_sorts(count):
    """However many blocks it takes, and whether they overlap, items come sorted."""
    texts = [str(number) for number in range(count)]
    shuffled = random.Random(1).sample(texts, count)
    assert sort_in_blocks(shuffled) == sort_in_blocks(sorted(texts)) == sorted(texts)
    assert sort_in_blocks(enumerate(shuffled), key=itemgetter(1)) == sorted(
        enumerate(shuffled), key=itemgetter(1)
    )


@pytest.mark.parametrize("count", [0, 1, FREE_CHUNK, 2 * FREE_CHUNK + 1])
def test_chunks_hold_all_items(count):
    """Whatever their number, all items are in the chunks, in order."""
    items = [str(number) for number in range(count)]
    chunks = chunks_of(items)
    assert [item for chunk in chunks for item in chunk] == items
    assert all(len(chunk) <= FREE_CHUNK for chunk in chunks)


def test_freed_items_are_gone():
    """The list no longer refers to them."""
    items = [object() for _ in range(3)]
    free_gradually(items)
    assert items == []
