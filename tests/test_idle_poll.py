"""Looking out for the next request: only where requests come fast, and never for long."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.app import create_app
from gql.direct import DirectProtocol
from gql.idle_poll import IdlePoll
from gql.settings import load_settings

from .live import running, until
from .sites import stored

WINDOW_S = 10.0


class Clock:
    """Time that goes when it is told to."""

    now_s = 100.0

    def __call__(self) -> float:
        """What it says."""
        return self.now_s


async def turns(count: int) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


@given(st.lists(st.integers(0, 30), max_size=12))
def test_loop_is_kept_awake_only_where_it_was_just_worth_it(pauses: list[int]) -> None:
    """After an answer whose request came within the window, until the window is over."""
    clock = Clock()

    async def story() -> None:
        poll, loop = IdlePoll(WINDOW_S, clock), asyncio.get_running_loop()
        follows = False  # the first request follows on nothing
        for pause in pauses:
            poll.asked()
            poll.answered(loop, ())
            await turns(3)
            assert poll.is_on == follows
            clock.now_s += pause
            await turns(3)
            follows = pause < WINDOW_S
            assert poll.is_on <= follows

    asyncio.run(story())


def test_loop_sleeps_while_others_are_at_work() -> None:
    """Their threads need the interpreter; it goes on where it was when they are through."""

    async def story() -> None:
        poll, loop = IdlePoll(WINDOW_S, Clock()), asyncio.get_running_loop()
        tasks: set[asyncio.Task[Any]] = set()
        for at_work in (True, False, True, False):
            if at_work:
                task = loop.create_task(asyncio.Event().wait())
                tasks.add(task)
                await turns(2)
                assert not poll.is_on
            else:
                tasks.pop().cancel()
            for _ in range(2):
                poll.asked()
                poll.answered(loop, tasks)
            await turns(2)
            assert poll.is_on is not at_work

    asyncio.run(story())


@pytest.mark.parametrize("window_us", [0, 100])
def test_server_looks_out_as_it_is_set(tmp_path: Path, window_us: int) -> None:
    """A client that asks again at once finds the server awake, unless it is told to sleep."""
    settings = load_settings({"store": tmp_path / "store.json", "idle_poll_us": window_us})
    app, clock = create_app(settings, stored()), Clock()
    app.idle_poll = IdlePoll(app.idle_poll.window_s, clock)
    body = b'{"query": "{ __typename }"}'
    head = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n" % len(body)
    last = request + b"Connection: close\r\n\r\n" + body
    with (
        running(app, http=DirectProtocol, lifespan="off", access_log=False) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall((request + b"\r\n" + body) * 2 + last)
        answers = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        assert answers.count(b"HTTP/1.1 200") == 3
        assert app.idle_poll.is_on == (window_us > 0)
        clock.now_s += 1
        server.do(until(lambda: not app.idle_poll.is_on))
