"""The single-flight cache: an event is rendered once for all subscribers with equal requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from gql.composition.app import create_app
from gql.http import GraphQLRequest
from gql.realtime.single_flight_cache import SingleFlightCache, selection_key
from gql.settings import Settings
from store import MemoryRepository
from tests.gql.realtime.test_websocket import opened, put
from tests.support.cursors import KEY, change_cursor
from tests.support.live_server import run_server

QUERY = """subscription ($after: String, $heat: Int, $width: Int, $no: Boolean = false) {
  changes(after: $after, filter: {heat: {gte: $heat}}) { slug @skip(if: $no) ...Shown } }
fragment Shown on Change { article { image(width: $width) { url } } }"""


class Maker:
    """Makes bodies when it is told to go on, and counts them."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.made = 0

    async def __call__(self) -> bytes:
        """A body that says how many there were."""
        await self.may_go_on.wait()
        self.made += 1
        return b"%d" % self.made


def key(query: str = QUERY, name: str | None = None, **variables: Any) -> bytes:
    """The key of a request's selection."""
    request = GraphQLRequest(query=query, operation_name=name, variables=variables)
    return selection_key(request, parse(query))


def test_answer_is_made_once_for_all_who_wait_and_come_later():
    """However many ask for it while it is made."""

    async def ask() -> None:
        shared, maker = SingleFlightCache(), Maker()
        waiting = [asyncio.ensure_future(shared.get("k", maker)) for _ in range(5)]
        await asyncio.sleep(0)
        maker.may_go_on.set()
        assert await asyncio.gather(*waiting) == [b"1"] * 5
        assert await shared.get("k", maker) == b"1"
        assert await shared.get("other", maker) == b"2"

    asyncio.run(ask())


def test_answer_is_made_for_the_others_when_the_first_stops_waiting():
    """Whoever goes takes nothing from those who stay."""

    async def ask() -> None:
        shared, maker = SingleFlightCache(), Maker()
        first, second = [asyncio.ensure_future(shared.get("k", maker)) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        maker.may_go_on.set()
        assert await second == b"1"
        assert maker.made == 1

    asyncio.run(ask())


def test_answer_that_failed_is_made_again():
    """All who waited are told; who comes later tries anew."""

    async def fail() -> bytes:
        raise OSError("no")

    async def ask() -> None:
        shared, maker = SingleFlightCache(), Maker()
        for failed in await asyncio.gather(
            *(shared.get("k", fail) for _ in range(2)), return_exceptions=True
        ):
            assert isinstance(failed, OSError)
        maker.may_go_on.set()
        assert await shared.get("k", maker) == b"1"

    asyncio.run(ask())


@given(st.lists(st.integers(0, 9), max_size=30))
def test_answers_are_kept_within_a_bound(keys):
    """What has no room is made again, and is right."""

    async def ask() -> None:
        shared = SingleFlightCache(capacity_bytes=3_000)
        for number in keys:

            async def make(number: int = number) -> bytes:
                return b"%d" % number

            assert await shared.get(number, make) == b"%d" % number
            assert shared.cache.size_bytes <= 3_000

    asyncio.run(ask())


@pytest.mark.parametrize("one", [{"after": "x"}, {"heat": 5}, {"after": None, "heat": 7}, {}])
def test_selection_is_the_same_wherever_subscribers_go_on_from(one):
    """What only chooses events changes nothing in how one of them looks."""
    assert key(**one) == key(after="other", heat=1)


@pytest.mark.parametrize(
    "other",
    [
        {"width": 100},
        {"width": None},
        {"no": True},
        {"query": QUERY + " "},
        {"name": "Named"},
    ],
)
def test_selection_is_another_where_it_shows_something_else(other):
    """A variable of a directive or a fragment, the text, the operation: each may matter."""
    assert key() != key(**other)


def test_selection_knows_a_variable_that_chooses_and_shows():
    """One use that shows is enough, also as the argument of a fragment's own field."""
    query = QUERY.replace("width: $width", "width: $heat").replace(", $width: Int", "")
    assert key(query, heat=1) != key(query, heat=2)
    query = """subscription ($after: String) { ...All }
    fragment All on Subscription { changes(after: $after) { slug } }"""
    assert key(query, after="a") != key(query, after="b")  # told apart in vain, which is harmless


def test_subscribers_get_what_they_ask_for_each():
    """One text, several variables, many subscribers: the same change, as each wants it."""
    repository = MemoryRepository()
    query = "subscription ($no: Boolean!) { changes { kind slug @skip(if: $no) } }"
    with run_server(create_app(Settings(), repository)) as server, opened(server) as client:
        client.begin()
        for number in range(10):
            client.subscribe(str(number), query, variables={"no": number % 2 == 1})
        client.answer("q", "{ __typename }")
        put(server, repository, "one")
        messages = [client.receive() for _ in range(10)]
    for message in messages:
        change = {"kind": "PUT", "slug": "2026-03-01-one"}
        if int(message["id"]) % 2:
            del change["slug"]
        assert message["payload"] == {"data": {"changes": change}}
    assert {message["id"] for message in messages} == set(map(str, range(10)))


def test_subscriber_sees_the_article_as_it_is_now_whoever_saw_it_before():
    """A change that comes again comes with what the store says by then."""
    repository = MemoryRepository(cursor_key=KEY)
    query = "subscription ($after: String) { changes(after: $after) { article { title } } }"
    after = {"variables": {"after": change_cursor()}}
    with run_server(create_app(Settings(), repository)) as server:
        for title in ("Old", "New"):
            put(server, repository, "one", title=title)
            with opened(server) as client:
                client.begin()
                client.subscribe("s", query, **after)
                told = client.receive()["payload"]["data"]["changes"]
                assert told == {"article": {"title": title}}
