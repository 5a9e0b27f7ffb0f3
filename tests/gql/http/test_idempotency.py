"""Idempotency keys: a mutation is executed once, however often it is sent."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gql.access import KeyFile, key_ring
from gql.http import GraphQLRequest, IdempotencyStore, IdempotentExecutor, ReferenceExecutor
from gql.http.idempotency_store import StoredResult
from gql.http.protocol.messages import Result
from gql.identity.viewer import Permission
from tests.store.engines.tinydb.test_storage import files_of_at_most
from tests.support.mutation_client import DELETE, FIELDS, PUBLISH, PUT, mutation_client
from tests.support.transport_schema import SCHEMA

MUTATION = 'mutation { write(line: "a") }'


@dataclass
class Caller:
    """A caller with a key."""

    idempotency_key: str | None = "key"
    caller: bytes = b"somebody"
    write_key: str | None = None
    has_written: bool = False


class Counting:
    """An executor that counts its calls, and fails or waits if configured to."""

    def __init__(self) -> None:
        self.count = 0
        self.codes: tuple[str, ...] = ()
        self.writes = False
        self.started = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, _request, context, *, read_only=False):
        """The number of executions so far."""
        assert not read_only
        self.count += 1
        count = self.count
        self.started.set()
        await self.may_go_on.wait()
        context.has_written = self.writes
        return Result(body=b"%d" % count, has_data=True, error_codes=self.codes)


class Clock:
    """A clock that only tests advance."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        """The current time."""
        return self.now


def opened(directory):
    """The number of this process's open files in a directory."""
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(os.path.realpath(link).startswith(f"{directory}/") for link in links)


@pytest.fixture
def executed():
    """The counting executor."""
    return Counting()


@pytest.fixture
def clock():
    """The clock."""
    return Clock()


@pytest.fixture
def directory(tmp_path):
    """The directory of stored responses."""
    return tmp_path / "answers"


@pytest.fixture
def send(executed, directory, clock):
    """Sends a mutation to a new server each time; all of them share the directory."""

    async def send(query=MUTATION, context=None, **more):
        answers = IdempotencyStore(directory, clock=clock, max_results=3)
        once = IdempotentExecutor(executed, ReferenceExecutor(SCHEMA), answers)
        return await once(GraphQLRequest(query=query, **more), context or Caller())

    return send


def test_stored_results_have_a_bound_of_bytes(directory, clock):
    """Payloads have a page of everything as `query`; the newest results stay."""
    bound = 1 << 16
    store = IdempotencyStore(directory, clock=clock, max_bytes=bound)

    async def save(number: int) -> None:
        clock.now += 1
        async with store.lock(f"{number:064x}") as entry:
            await store.save(entry, StoredResult("digest", bytes(5_000)))

    async def stored(number: int) -> bool:
        async with store.lock(f"{number:064x}") as entry:
            return entry.stored is not None

    async def check() -> None:
        for number in range(99):
            await save(number)
            used = sum(file.stat().st_size for file in directory.iterdir())
            assert used <= bound + bound // 8 + 2 * 5_100
        assert await stored(98)
        assert await stored(90)
        assert not await stored(0)

    asyncio.run(check())


def test_key_gets_the_same_answer_again(send, executed):
    """A request with a used key is not executed again, whichever process receives it."""

    async def twice():
        return await send(), await send()

    first, second = asyncio.run(twice())
    assert (first.body, second.body, executed.count) == (b"1", b"1", 1)
    assert (b"idempotent-replayed", b"true") in second.headers
    assert first.headers == ()


def test_key_belongs_to_its_caller(send, executed):
    """The same key of another caller, or with other rights, is another key."""

    async def several():
        for caller in (b"somebody", b"else", b"somebody,WRITE"):
            await send(context=Caller(caller=caller))

    asyncio.run(several())
    assert executed.count == 3


@pytest.mark.parametrize(
    "other",
    [
        {"query": 'mutation { write(line: "b") }'},
        {"query": MUTATION, "variables": {"a": 1}},
        {"query": MUTATION, "operation_name": None, "extensions": {"a": 1}},
    ],
)
def test_key_stands_for_one_request(send, executed, other):
    """A different request with a used key is rejected, and not executed."""

    async def both():
        await send()
        return await send(**other)

    result = asyncio.run(both())
    assert (result.status, result.error_codes, executed.count) == (
        422,
        ("IDEMPOTENCY_KEY_REUSED",),
        1,
    )


def test_key_says_the_same_whatever_the_order_of_variables(send):
    """The order of variables does not matter."""

    async def both():
        await send(variables={"a": 1, "b": {"c": 2, "d": 3}})
        return await send(variables={"b": {"d": 3, "c": 2}, "a": 1})

    assert asyncio.run(both()).body == b"1"


def test_key_of_a_request_on_its_way_waits_for_it(send, executed):
    """Requests that arrive during the first one get its response."""

    async def race():
        executed.may_go_on.clear()
        requests = [asyncio.create_task(send()) for _ in range(5)]
        await executed.started.wait()
        executed.may_go_on.set()
        return await asyncio.gather(*requests)

    results = asyncio.run(race())
    assert [result.body for result in results] == [b"1"] * 5
    assert executed.count == 1


def test_key_of_a_request_that_failed_may_be_tried_again(send, executed):
    """A response with errors and without a write is not stored, so that a retry may succeed."""

    async def both():
        executed.codes = ("STORE_UNAVAILABLE",)
        await send()
        executed.codes = ()
        return await send()

    assert asyncio.run(both()).body == b"2"


def test_key_of_a_request_that_wrote_before_it_failed_is_not_tried_again(send, executed):
    """A response with errors is stored if something was written."""

    async def both():
        executed.codes, executed.writes = ("STORE_UNAVAILABLE",), True
        return await send(), await send()

    first, second = asyncio.run(both())
    assert (first.body, second.body) == (b"1", b"1")
    assert second.error_codes == ("STORE_UNAVAILABLE",)


def test_key_of_a_request_that_was_given_up_may_be_tried_again(send, executed, directory):
    """A cancelled request leaves nothing that later requests would wait for."""

    async def both():
        executed.may_go_on.clear()
        first = asyncio.create_task(send())
        await executed.started.wait()
        first.cancel()
        await asyncio.wait([first])
        executed.may_go_on.set()
        assert list(directory.iterdir()) == []
        return await send()

    assert asyncio.run(both()).body == b"2"


def test_key_whose_first_request_was_given_up_is_the_next_ones(send, executed, directory):
    """If the first request is cancelled, one of the waiting requests is executed."""

    async def race():
        executed.may_go_on.clear()
        first = asyncio.create_task(send())
        await executed.started.wait()
        waiting = [asyncio.create_task(send()) for _ in range(3)]
        async with asyncio.timeout(10):
            while opened(directory) < 4:  # noqa: ASYNC110  # the first, and who waits
                await asyncio.sleep(0.001)
        first.cancel()
        await asyncio.wait([first])
        executed.may_go_on.set()
        return [*await asyncio.gather(*waiting), await send()]

    assert [result.body for result in asyncio.run(race())] == [b"2"] * 4
    assert executed.count == 2


def test_key_is_forgotten_after_a_day(send, clock):
    """A response is stored for 24 hours."""

    async def later():
        await send()
        clock.now += 24 * 3600 - 1
        assert (await send()).body == b"1"
        clock.now += 2
        return await send()

    assert asyncio.run(later()).body == b"2"


@pytest.mark.parametrize(
    ("hours", "is_replayed"), [(-2, True), (-23, True), (-25, False), (2, True), (23, True)]
)
def test_key_outlives_a_clock_that_is_set_but_not_for_ever(send, clock, hours, is_replayed):
    """A response with a future time, by a wrong clock, also expires after a day."""

    async def around():
        await send()
        clock.now += hours * 3600
        return await send()

    assert (asyncio.run(around()).body == b"1") is is_replayed


def test_keys_from_the_future_do_not_crowd_out_new_ones(send, clock, directory):
    """Responses with a future time are evicted like the oldest ones."""

    async def many():
        for i in range(3):
            await send(context=Caller(f"ahead {i}"))
        clock.now -= 48 * 3600
        for i in range(2):
            await send(context=Caller(f"key {i}"))
        return await send(context=Caller("key 0"))

    assert asyncio.run(many()).body == b"4"
    assert len(list(directory.iterdir())) <= 3


def test_keys_are_bounded(send, clock, directory):
    """The number of keys is limited; the oldest are evicted."""

    async def many():
        for i in range(10):
            clock.now += 1
            await send(context=Caller(f"key {i}"))
        assert len(list(directory.iterdir())) <= 4
        return await send(context=Caller("key 9")), await send(context=Caller("key 0"))

    newest, oldest = asyncio.run(many())
    assert (newest.body, oldest.body) == (b"10", b"11")


DAMAGES = {
    "torn": lambda data: data[:-3],
    "empty": lambda data: data[:0],
    "zeros": lambda data: bytes(len(data)),
    "zeros at the end": lambda data: data[:-8] + bytes(8),
    "zeros in it": lambda data: data.replace(b"1", b"\0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_key_of_an_answer_that_a_crash_damaged_is_done_again(send, executed, directory, damage):
    """A damaged stored response is ignored and replaced."""

    async def several():
        await send()
        [file] = directory.iterdir()
        file.write_bytes(damage(file.read_bytes()))
        executed.codes = ("STORE_UNAVAILABLE",)  # so that nothing takes its place
        await send()
        assert list(directory.iterdir()) == []
        executed.codes = ()
        return await send()

    assert asyncio.run(several()).body == b"3"


def test_key_of_an_answer_that_cannot_be_kept_is_answered(executed, directory, clock):
    """A response that the disk cannot store is still sent, and logged once a minute."""
    answers = IdempotencyStore(directory, clock=clock, monotonic=clock)
    once = IdempotentExecutor(executed, ReferenceExecutor(SCHEMA), answers)

    async def send(caller):
        return (await once(GraphQLRequest(query=MUTATION), Caller(caller=caller))).body

    async def several():
        with files_of_at_most(20), capture_logs() as logs:
            assert [await send(b"a"), await send(b"b")] == [b"1", b"2"]
            clock.now += 61
            assert await send(b"c") == b"3"
        assert list(directory.iterdir()) == []
        assert [await send(b"a"), await send(b"a")] == [b"4", b"4"]
        return logs

    first, second = asyncio.run(several())
    assert first == second
    assert (first["log_level"], first["reason"]) == ("warning", "File too large")


def test_stored_response_is_flushed_before_it_is_returned(send, directory, monkeypatch):
    """A crash right after the response must not make a retry a second write."""
    flushed = []
    flush = os.fsync

    def fsync(handle):
        flushed.append(Path(f"/proc/self/fd/{handle}").read_bytes())
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    asyncio.run(send())
    assert flushed == [file.read_bytes() for file in directory.iterdir()] != [b""]


def test_kept_answers_are_private(send, directory):
    """Only the server's user can read stored responses, because they may contain drafts."""
    asyncio.run(send())
    [file] = directory.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}", file.name)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\x00"])
def test_key_that_cannot_be_used_is_refused(send, executed, key):
    """A key is a few printable characters."""
    result = asyncio.run(send(context=Caller(key)))
    assert (result.status, result.error_codes) == (400, ("BAD_IDEMPOTENCY_KEY",))
    assert executed.count == 0


def test_key_means_nothing_to_queries(send, executed, directory):
    """A query with a key is executed each time."""

    async def queries():
        for query in ('{ hello(name: "mutation") }', "query mutation { hello }"):
            await send(query)
            await send(query)
        await send(context=Caller(None))
        await send(context=Caller(None))

    asyncio.run(queries())
    assert executed.count == 6
    assert not directory.exists()


# As clients send it


def test_mutation_sent_again_gives_the_same_answer_also_after_a_restart(tmp_path):
    """A retry returns the first response, even if the article has changed since."""
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        first = client.post(PUT, headers=headers, input=FIELDS)
        article = first.json()["data"]["putArticle"]["article"]
        client.mutate(DELETE, id=article["id"])
        again = client.post(PUT, headers=headers, input=FIELDS)
        keys = client.keys
    with mutation_client(tmp_path, keys) as client:
        restarted = client.post(PUT, headers=headers, input=FIELDS)
        assert client.execute("{ articles { totalCount } }")["articles"]["totalCount"] == 0
    for response in (again, restarted):
        assert response.content == first.content
        assert response.headers["idempotent-replayed"] == "true"
        assert response.headers["cache-control"] == "no-store"
    assert "idempotent-replayed" not in first.headers


def test_mutation_that_wrote_and_could_not_show_it_is_done_once(tmp_path):
    """If the response to a write has an error, a retry returns it, and does not write again."""
    query = (
        "mutation ($input: PutArticleInput!) { putArticle(input: $input)"
        " { article { slug secured } cursor } }"
    )
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        first = client.post(query, headers=headers, input=FIELDS)
        assert [e["extensions"]["code"] for e in first.json()["errors"]] == ["FORBIDDEN"]
        again = client.post(query, headers=headers, input=FIELDS)
        assert (again.content, again.status_code) == (first.content, first.status_code)
        assert again.headers["idempotent-replayed"] == "true"


def test_key_counts_for_each_mutation_of_a_request(tmp_path):
    """Each of several mutations in a request is executed exactly once."""
    query = """mutation ($a: PutArticleInput!, $b: PutArticleInput!) {
        a: putArticle(input: $a) { article { slug } userErrors { code } }
        b: putArticle(input: $b) { article { slug } userErrors { code } }
    }"""
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        variables: dict[str, Any] = {"a": FIELDS, "b": {**FIELDS, "title": "B"}}
        first = client.post(query, headers=headers, **variables).json()["data"]
        forget_answers(tmp_path)
        assert client.post(query, headers=headers, **variables).json()["data"] == first
        assert client.execute("{ articles { totalCount } }")["articles"]["totalCount"] == 2
    assert not first["a"]["userErrors"] + first["b"]["userErrors"]


def forget_answers(place: Path) -> None:
    """Simulate a server that ended after a write, before its response was stored."""
    for file in (place / "store.json.answers").iterdir():
        file.unlink()


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Simulate a file system in a directory that creates files, but stores no bytes."""
    directory.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount a file system can fill one")
    try:
        (directory / "filler").write_bytes(b"x" * 4096)
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.mark.parametrize("damage", [None, bytes.upper, *DAMAGES.values()])
def test_mutation_whose_answer_is_lost_is_done_once(tmp_path, damage):
    """If the stored response is lost or damaged, a retry is answered from the history."""
    headers = {"idempotency-key": "k1"}
    answers = tmp_path / "store.json.answers"
    with (
        full_disk(answers) if damage is None else nullcontext(),
        mutation_client(tmp_path) as client,
    ):
        first = client.post(PUT, headers=headers, input=FIELDS)
        for file in answers.iterdir() if damage else ():
            file.write_bytes(damage(file.read_bytes()))
        again = client.post(PUT, headers=headers, input=FIELDS)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        assert "idempotent-replayed" not in again.headers
        assert len(client.execute("{ changes { nodes { articleId } } }")["changes"]["nodes"]) == 1
        if damage:
            third = client.post(PUT, headers=headers, input=FIELDS)
            assert third.headers["idempotent-replayed"] == "true"


def test_mutation_that_changed_nothing_undoes_nothing_after_a_crash(tmp_path):
    """A retried no-op has the same response, and keeps later writes of others."""
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        id = client.mutate(PUT, **FIELDS)["article"]["id"]
        input = {"id": id, "published": True}
        [first] = client.post(PUBLISH, headers=headers, input=input).json()["data"].values()
        client.mutate(PUBLISH, id=id, published=False)
        keys = client.keys
    forget_answers(tmp_path)
    with mutation_client(tmp_path, keys) as client:
        response = client.post(PUBLISH, headers=headers, input=input)
        [again] = response.json()["data"].values()
    assert "idempotent-replayed" not in response.headers
    assert first["article"]["published"]
    assert not again["article"]["published"]
    assert again["cursor"] == first["cursor"]
    assert again["userErrors"] == []


@pytest.mark.parametrize("published", [True, False])
def test_mutation_with_a_used_key_is_refused_also_after_a_crash(tmp_path, published):
    """The history remembers the request of a key, no-ops included."""
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        id = client.mutate(PUT, **FIELDS)["article"]["id"]
        client.post(PUBLISH, headers=headers, input={"id": id, "published": published})
        keys = client.keys
    forget_answers(tmp_path)
    with mutation_client(tmp_path, keys) as client:
        for query, input in (
            (PUBLISH, {"id": id, "published": not published}),
            (DELETE, {"id": id}),
        ):
            response = client.post(query, headers=headers, input=input)
            assert response.status_code == 422
            [error] = response.json()["errors"]
            assert error["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"
            assert "data" not in response.json()
        [article] = client.execute(
            "{ articles { nodes { published } } }", scope=Permission.READ_DRAFTS
        )["articles"]["nodes"]
        assert article["published"] is published


def test_mutation_with_a_used_key_is_refused(tmp_path):
    """Another body needs another key."""
    with mutation_client(tmp_path) as client:
        headers = {"idempotency-key": "k1"}
        client.post(PUT, headers=headers, input=FIELDS)
        response = client.post(PUT, headers=headers, input={**FIELDS, "title": "B"})
        assert response.status_code == 422
        assert response.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert client.post(PUT, headers={"idempotency-key": ""}, input=FIELDS).status_code == 400


@pytest.mark.parametrize("is_kept", [True, False])
def test_new_key_of_a_revoked_keys_name_gets_none_of_its_answers(tmp_path, monkeypatch, is_kept):
    """Callers are distinguished by their API keys, not by the names of keys."""
    monkeypatch.setattr(key_ring, "CHECK_INTERVAL_S", 0)
    headers = {"idempotency-key": "k1"}
    with mutation_client(tmp_path) as client:
        client.post(PUT, headers=headers, input=FIELDS)
        if not is_kept:
            forget_answers(tmp_path)
        keys = KeyFile(tmp_path / "keys.json")
        keys.revoke(Permission.WRITE)
        client.keys[Permission.WRITE], _ = keys.add(Permission.WRITE, [Permission.WRITE])
        other = client.post(PUT, headers=headers, input={**FIELDS, "title": "B"})
        assert other.status_code == 200
        assert other.json()["data"]["putArticle"]["article"]["title"] == "B"
        assert "idempotent-replayed" not in other.headers


def test_mutation_without_the_right_learns_nothing_from_a_key(tmp_path):
    """A caller without the right to write is rejected, even with a used key."""
    with mutation_client(tmp_path) as client:
        headers = {"idempotency-key": "k1"}
        client.post(PUT, headers=headers, input=FIELDS)
        for scope in (None, Permission.READ_DRAFTS):
            answer = client.post(PUT, scope=scope, headers=headers, input=FIELDS).json()
            assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_user_errors_are_answers_too(tmp_path):
    """A rejected write stays rejected under its key."""
    with mutation_client(tmp_path) as client:
        headers = {"idempotency-key": "k1"}
        id = client.mutate(PUT, **FIELDS)["article"]["id"]
        client.mutate(DELETE, id=id)
        input = {"id": id, "published": False}
        first = client.post(PUBLISH, headers=headers, input=input)
        client.mutate(PUT, **FIELDS)
        assert client.post(PUBLISH, headers=headers, input=input).content == first.content
        assert json.loads(first.content)["data"]["setPublished"]["userErrors"]
