"""Work in steps that lets others have a turn."""

from __future__ import annotations

import asyncio
import random
from operator import itemgetter

import pytest

from store.concurrency import cooperative
from store.concurrency.cooperative import (
    BLOCK,
    PIECE,
    Steps,
    finish,
    free,
    in_order,
    interleave,
    paced,
    pieces,
)


def _counting(done: list[int], number: int) -> Steps[int]:
    for each in range(number):
        done.append(each)
        yield
    return sum(done)


def test_finish_does_all_steps():
    """Steps that are done at once give what came of them."""
    done: list[int] = []
    assert finish(_counting(done, 4)) == 6
    assert done == [0, 1, 2, 3]


def test_interleave_lets_others_have_a_turn(monkeypatch):
    """What else the event loop has to do is done between the steps, not after them."""
    monkeypatch.setattr(cooperative, "SLICE_S", 0)
    done: list[object] = []

    async def other() -> None:
        done.append("other")

    async def check() -> int:
        task = asyncio.create_task(other())
        found = await interleave(_counting([], 3))
        done.append("all")
        await task
        return found

    assert asyncio.run(check()) == 3
    assert done == ["other", "all"]


def test_interleave_hands_on_what_a_step_raises():
    """An error in a step is the caller's."""

    def failing():
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(interleave(failing()))


@pytest.mark.parametrize("pause_s", [0, 1e-6])
def test_paced_items_are_all_items(pause_s, monkeypatch):
    """Pauses leave out nothing."""
    monkeypatch.setattr(cooperative, "SLICE_S", 0)
    assert list(paced(range(5), pause_s)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [0, 1, BLOCK, 3 * BLOCK + 1])
def test_in_order_is_sorted(count):
    """However many blocks it takes, and whether they overlap, items come sorted."""
    texts = [str(number) for number in range(count)]
    shuffled = random.Random(1).sample(texts, count)
    assert in_order(shuffled) == in_order(sorted(texts)) == sorted(texts)
    assert in_order(enumerate(shuffled), key=itemgetter(1)) == sorted(
        enumerate(shuffled), key=itemgetter(1)
    )


@pytest.mark.parametrize("count", [0, 1, PIECE, 2 * PIECE + 1])
def test_pieces_are_all_items(count):
    """However many there are, each item is in a piece, and in their order."""
    items = [str(number) for number in range(count)]
    found = pieces(items)
    assert [item for piece in found for item in piece] == items
    assert all(len(piece) <= PIECE for piece in found)


def test_freed_items_are_gone():
    """Of what was freed nothing is held."""
    items = [object() for _ in range(3)]
    free(items)
    assert items == []
