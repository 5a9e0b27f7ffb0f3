"""Cursors: one text for each position, authenticated and stateless."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import string
import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gql.composition.app import create_app
from gql.settings import Settings
from store import (
    BLANK_TOKEN,
    TOKEN_BYTES,
    UNKNOWN_BOOKMARK,
    Batch,
    Bookmark,
    CursorCodec,
    MemoryRepository,
    OrderField,
    OrderStep,
    TinyDBRepository,
    export_folder,
)
from store.errors import CursorError, StoreCorruptError
from store.model import Diagnostic, ProviderMention, Severity
from store.names import topic_slug
from store.querying.cursors import (
    MAX_LENGTH,
    MEMBER_BYTES,
    article_position,
    diagnostic_position,
)
from tests.support.cursors import CURSORS, KEY
from tests.support.factories import article
from tests.support.graph_client import GraphClient
from tests.support.store_strategies import articles, orders

ALPHABET = string.ascii_letters + string.digits + "-_"
OTHER = CursorCodec(bytes(32))

marks = st.sampled_from(["d-", "h+t-", "p", "t", "g"])
positions = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20), min_size=1).map(tuple)
bookmarks = st.builds(
    Bookmark,
    st.integers(0, 2**63),
    st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES),
    st.just(b"") | st.binary(min_size=MEMBER_BYTES, max_size=MEMBER_BYTES),
)
tokens = st.binary(min_size=TOKEN_BYTES, max_size=TOKEN_BYTES)


@given(marks, positions)
def test_list_cursor_comes_back_as_it_went(mark, position):
    """Encoding and decoding a list cursor is a round trip."""
    assert CURSORS.decode(mark, CURSORS.encode(mark, position)) == position


@given(articles, orders)
def test_article_cursor_holds_the_articles_place(found, order):
    """An article cursor holds the position of the article, in every order."""
    cursor = CURSORS.article(found, order)
    assert CURSORS.decode_article(cursor, order) == article_position(found, order)


@given(bookmarks, tokens)
def test_change_cursor_comes_back_as_it_went_and_is_always_as_long(place, reader):
    """A change cursor is a round trip, and its length reveals no more than whether it is inside."""
    cursor = CURSORS.change(place, reader)
    assert CURSORS.decode_change(cursor) == (place, reader)
    assert len(cursor) == (72 if place.member else 56)
    assert OTHER.decode_change(cursor) == (UNKNOWN_BOOKMARK, BLANK_TOKEN)


def changed(cursor: str, data: st.DataObject) -> str:
    """Another text: a character changed, added or removed, or other trailing bits."""
    at = data.draw(st.integers(0, len(cursor) - 1))
    rest = cursor[at + 1 :]
    character = data.draw(st.sampled_from([*ALPHABET, "", "=", "+", "/", "\n", " ", "é", "ab"]))
    text = cursor[:at] + character + rest
    return text if text != cursor else f"{cursor}="


@given(marks, positions, st.data())
def test_list_cursor_that_was_changed_is_refused(mark, position, data):
    """Any changed text is rejected: each position has exactly one text."""
    cursor = CURSORS.encode(mark, position)
    for strange in (
        changed(cursor, data),
        OTHER.encode(mark, position),
        f"{cursor}=",
        f" {cursor}",
    ):
        with pytest.raises(CursorError, match="is not one of ours"):
            CURSORS.decode(mark, strange)


@given(bookmarks, tokens, st.data())
def test_change_cursor_that_was_changed_names_no_place(place, reader, data):
    """A changed text is no cursor, or one of another store."""
    try:
        found, _ = CURSORS.decode_change(changed(CURSORS.change(place, reader), data))
    except CursorError:
        return
    assert found == UNKNOWN_BOOKMARK


@given(st.text(max_size=100) | st.text(ALPHABET, min_size=56, max_size=56))
def test_text_of_somebodys_own_names_no_place(text):
    """An invented text is not a valid cursor."""
    for mark in ("d-", "p", "t", "g"):
        with pytest.raises(CursorError):
            CURSORS.decode(mark, text)
    try:
        assert CURSORS.decode_change(text) == (UNKNOWN_BOOKMARK, BLANK_TOKEN)
    except CursorError:
        assert len(text) != 56 or set(text) - set(ALPHABET)


@given(marks, positions)
def test_list_cursor_of_another_list_is_refused_as_such(mark, position):
    """The error says that it is a cursor of another list."""
    with pytest.raises(CursorError, match="another order"):
        CURSORS.decode("q-", CURSORS.encode(mark, position))


@pytest.mark.parametrize("text", ["\0", "\N{CRAB}", "ß"])
def test_longest_cursors_are_within_the_bound(text):
    """Our longest cursors are within the limit of accepted ones."""
    long = text * 100_000
    steps = tuple(OrderStep(field) for field in OrderField)
    found = article(title=long, provider=ProviderMention(domain=long, name=long), topics=(long,))
    diagnostic = Diagnostic(path="x" * 4_000, severity=Severity.ERROR, code="X", message=long)
    repository = MemoryRepository(cursor_key=KEY)
    asyncio.run(repository.apply(Batch(puts=(found,))))
    edges = GraphClient(repository).query(
        """{ providers { edges { cursor } } topics { edges { cursor } } articles(orderBy: [
        {field: TITLE}, {field: HEAT}, {field: QUALITY}]) { edges { cursor } } }"""
    )
    made = [page["edges"][0]["cursor"] for page in edges.values()]
    made += [CURSORS.article(found, steps), CURSORS.diagnostic(diagnostic)]
    assert max(map(len, made)) <= MAX_LENGTH
    assert CURSORS.decode_diagnostic(made[-1]) == diagnostic_position(diagnostic)


def test_long_names_of_topics_are_told_apart():
    """A truncated slug is still unique."""
    one, other = topic_slug("tide " * 100), topic_slug("tide " * 100 + "x")
    assert one != other
    assert max(len(one), len(other)) <= 200


def test_forged_cursors_take_no_memory():
    """Large invalid texts are rejected, and neither stored nor returned."""
    repository = MemoryRepository()
    app = create_app(Settings(), repository)
    size, rng = 900_000, Random(1)
    forms = [
        "query ($a: String) { changes(after: $a) { nodes { cursor } } }",
        "query ($a: String) { articles(first: 1, after: $a) { nodes { id } } }",
    ]
    with TestClient(app) as client:

        def send(number: int) -> None:
            text = "".join(rng.choices(ALPHABET, k=100)) * (size // 100)
            text = text[: size // 4 * 4 - number % 4]
            body = {"query": forms[number % 2], "variables": {"a": text}}
            answer = client.post("/graphql", json=body)
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_CURSOR"
            assert len(answer.content) < 1_000

        for number in range(4):
            send(number)
        tracemalloc.start()
        try:
            for number in range(20):
                send(number)
            gc.collect()
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert grown < size


# --- the key of a store ---


def put(path: Path, *slugs: str) -> None:
    """Write articles into a store, and close it."""

    async def write() -> None:
        repository = TinyDBRepository.open(path)
        await repository.apply(Batch(puts=tuple(article(slug) for slug in slugs)))
        await repository.close()

    asyncio.run(write())


def key_of(path: Path) -> bytes:
    """The cursor key of a store when it is opened now."""
    return asyncio.run(TinyDBRepository.open(path).snapshot()).cursors.key


def test_key_is_the_stores_whoever_opens_it(tmp_path):
    """The key stays the same after restarts, writes and checkpoints, and in other processes."""
    path = tmp_path / "store.json"
    put(path, "one")
    key = key_of(path)
    following = TinyDBRepository.open(path)
    put(path, "two")
    code = (
        "import asyncio, sys; from store import TinyDBRepository; print(asyncio.run("
        "TinyDBRepository.open(sys.argv[1]).snapshot()).cursors.key.hex())"
    )
    command = [sys.executable, "-c", code, str(path)]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert bytes.fromhex(other.stdout) == key == key_of(path)
    assert asyncio.run(following.snapshot()).cursors.key == key
    assert len(key) == 32


def test_key_of_a_store_made_anew_is_another_one(tmp_path):
    """A new store rejects the cursors of the former one."""
    path = tmp_path / "store.json"
    put(path, "one")
    key, following = key_of(path), TinyDBRepository.open(path)
    path.unlink()
    path.with_name("store.json.log").unlink()
    put(path, "one")
    assert key_of(path) != key
    assert asyncio.run(following.snapshot()).cursors.key == key_of(path)


def test_key_outlives_a_writer_that_is_killed(tmp_path):
    """The key is durable before the first cursor is given out."""
    path = tmp_path / "store.json"
    code = (
        "import asyncio, sys, time; from store import *\n"
        "from tests.support.factories import article\n"
        "async def write():\n"
        "    repository = TinyDBRepository.open(sys.argv[1])\n"
        "    await repository.apply(Batch(puts=(article('one'),)))\n"
        "    await repository.apply(Batch(puts=(article('two'),)))\n"
        "    print((await repository.snapshot()).cursors.key.hex(), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(write())\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        key = bytes.fromhex(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
    assert key_of(path) == key
    put(path, "three")
    assert key_of(path) == key


def without_a_key(path: Path) -> None:
    """Turn a store into one of a former version, without a key."""
    tables = json.loads(path.read_text())
    del tables["meta"]["1"]["cursorKey"], tables["meta"]["1"]["checksum"]
    tables["meta"]["1"]["format"] = 2
    path.write_text(json.dumps(tables))
    path.with_name(f"{path.name}.log").unlink()


def test_key_of_a_store_of_a_former_version_is_the_same_for_all(tmp_path):
    """All processes derive the same key, which stays when the store is written."""
    path = tmp_path / "store.json"
    put(path, "one")
    old = key_of(path)
    without_a_key(path)
    key, following = key_of(path), TinyDBRepository.open(path)
    assert key == key_of(path) != old
    put(path, "two")
    assert b"cursorKey" in path.read_bytes()
    assert key_of(path) == key == asyncio.run(following.snapshot()).cursors.key


def test_key_that_is_none_is_a_damage_of_the_store(tmp_path):
    """An invalid key is reported as damage."""
    path = tmp_path / "store.json"
    put(path, "one")
    tables = json.loads(path.read_text())
    tables["meta"]["1"]["cursorKey"] = ""
    path.write_text(json.dumps(tables))
    with pytest.raises(StoreCorruptError):
        TinyDBRepository.open(path)


def test_key_is_in_no_export(tmp_path):
    """Exported documents do not contain the key."""
    path, folder = tmp_path / "store.json", tmp_path / "out"
    put(path, "one")
    repository = TinyDBRepository.open(path)
    asyncio.run(export_folder(repository, folder))
    secret = json.loads(path.read_text())["meta"]["1"]["cursorKey"]
    texts = [each.read_text() for each in folder.rglob("*") if each.is_file()]
    assert texts
    assert not [text for text in texts if secret in text or "cursorKey" in text]


# --- long titles ---


@pytest.mark.parametrize("engine", ["memory", "tinydb"])
def test_long_titles_are_paged_and_found(tmp_path, engine):
    """Titles with a long common prefix are ordered, paged and filtered by their whole text."""
    stem = "Tide " * 60
    titles = [f"{stem}{number}" for number in range(5)] + ["tide", stem[:199], stem[:200]]
    put_there = tuple(article(f"n{n}", title=title) for n, title in enumerate(titles))
    path = tmp_path / "store.json"
    repository = MemoryRepository() if engine == "memory" else TinyDBRepository.open(path)
    asyncio.run(repository.apply(Batch(puts=put_there)))
    graph, seen, after = GraphClient(repository), list[str](), None
    query = """query ($after: String) { articles(first: 2, after: $after, orderBy: [{field: TITLE}])
      { nodes { title } pageInfo { endCursor hasNextPage } } }"""
    for _ in range(4):
        page = graph.query(query, after=after)["articles"]
        seen += [node["title"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert sorted(seen) == sorted(titles)
    assert not page["pageInfo"]["hasNextPage"]
    for condition, count in [
        ({"eq": titles[3]}, 1),
        ({"in": titles[:3]}, 3),
        ({"eq": stem}, 0),
        ({"startsWith": stem.upper()}, 5),
        ({"startsWith": titles[3].upper()}, 1),
        ({"startsWith": stem[:200]}, 6),
    ]:
        assert len(graph.slugs(filter={"title": condition})) == count, condition
