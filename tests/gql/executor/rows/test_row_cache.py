"""The row cache: bounded in bytes, and its rows are valid for the version that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.executor.rows.row import ANY_ARTICLE, Row, make_row
from gql.executor.rows.row_cache import LINK_BYTES, REQUESTED_BYTES, RowCache, RowTable
from store import (
    Page,
    PageOrdinals,
    Snapshot,
    Visibility,
)
from store.in_place_edits import InPlaceEdits
from store.names import new_version
from tests.support.cursors import CURSORS


class Item(msgspec.Struct, frozen=True):
    """A document as the cache sees it."""

    id: str


ITEMS = [Item(name) for name in "abcdef"]


class State:
    """A version of a store of these documents, as the cache sees it."""

    def __init__(self, edits: InPlaceEdits | None = None) -> None:
        self.version = new_version()
        self.edits = edits or InPlaceEdits()
        self.numbering = "slots"
        self.cursors = CURSORS

    def edited(self, *ids: str) -> State:
        """The state after an edit in place of these."""
        return State(self.edits.extended(self.version, ids))

    def ordinals_of(self, ids: Sequence[str], _visibility: Visibility) -> dict[str, list[int]]:
        """The ordinals of these documents."""
        return {self.numbering: [ordinal for ordinal, item in enumerate(ITEMS) if item.id in ids]}


def use(table: RowTable, state: State) -> dict[Any, bytes]:
    """The rows of a table that are valid in a state."""
    return table.valid_rows(cast("Snapshot", state), Visibility.PUBLISHED)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), st.sampled_from(ITEMS), st.integers(0, 1_500)),
        st.tuples(st.just("page"), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from([None, *ITEMS]), st.none()),
        st.tuples(st.just("request"), st.integers(0, 2), st.sampled_from(ITEMS), st.none()),
        st.tuples(st.just("link"), st.integers(0, 2), st.sampled_from(ITEMS), st.integers(0, 900)),
        st.tuples(st.just("sparse"), st.integers(0, 2), st.none(), st.none()),
    ),
    min_size=5,
    max_size=60,
)


def a_table(
    cache: RowCache,
    variant: Any = None,
    *,
    survives_writes: bool = True,
    embeds_articles: bool = False,
) -> RowTable:
    """A table of a plan of its own."""
    owner: dict[Any, RowTable] = {}
    owner[variant] = RowTable(
        cache, owner, variant, survives_writes=survives_writes, embeds_articles=embeds_articles
    )
    return owner[variant]


def row_of(item: Item, json: bytes, articles: Sequence[str] = ()) -> Row:
    """A row of a document that contains these articles."""
    return make_row(item.id, item, (), articles, json)


def add(table: RowTable, item: Item, json: bytes, articles: Sequence[str] = ()) -> None:
    """Request a document, so that its row is admitted."""
    table.record_requests([item.id])
    table.add({item.id: row_of(item, json, articles)})


def page_of(start: int, end: int, *, backwards: bool = False, run: bool = True) -> Page[Item]:
    """A page of the list of all items."""
    ordinals = list(range(start, end))
    slice_ = slice(start, end)
    if backwards:
        ordinals.reverse()
        slice_ = slice(end - 1, start - 1 if start else None, -1) if end else slice(0, 0)
    items = [ITEMS[ordinal] for ordinal in ordinals]
    return Page(
        items,
        ordinals=PageOrdinals("slots", ordinals, slice_ if run else None, len(ITEMS)),
    )


DO: dict[str, Callable[[RowTable, Any, Any], None]] = {
    "add": lambda table, item, size: add(
        table, item, item.id.encode() * size, NEXT[item.id] if table.embeds_articles else ()
    ),
    "request": lambda table, item, _: table.record_requests([item.id]),
    "link": lambda table, item, size: table.memoize_links(
        {item.id: row_of(item, b"x" * size), "": None}
    ),
    "sparse": lambda table, *_: setattr(table, "is_sparse", True),
    "write": lambda *_: None,
}
"""The effect of a step on a table; a write only changes the state."""


@given(STEPS, st.integers(0, 12_000), st.booleans(), st.booleans())
def test_row_cache_stays_within_its_bytes(steps, capacity_bytes, backwards, run):
    """The bytes counted are those held, and within the bound; no valid row is uncounted."""
    cache = RowCache(capacity_bytes)
    tables = [
        a_table(cache, survives_writes=number > 0, embeds_articles=number < 2)
        for number in range(3)
    ]
    state = State()
    for kind, number, what, size in steps:
        table = tables[number]
        if kind == "write":
            state = State() if what is None else state.edited(what.id)
        check_version(table, state)
        if kind == "page":
            start, end = sorted((what, size))
            check_page(table, page_of(start, end, backwards=backwards, run=run))
        else:
            DO[kind](table, what, size)
        assert cache.size_bytes == sum(map(held_bytes, tables)) <= capacity_bytes
        for each in tables:
            assert each.valid.keys() <= each.rows.keys()


NEXT: dict[str, tuple[str, ...]] = {
    "a": ("b",),
    "b": ("c", "d"),
    "c": (ANY_ARTICLE,),
    "d": (),
    "e": ("a",),
    "f": ("f",),
}
"""The articles in each document's row."""

ITEM_IDS = {item.id for item in ITEMS}


def check_version(table: RowTable, state: State) -> None:
    """Check that exactly the rows without a changed article are valid in a state."""
    expected: set[Any] = set(table.valid)
    if table.version != state.version:
        edited = state.edits.since(table.version)
        changed = {*ITEM_IDS} if edited is None else {*edited, ANY_ARTICLE}
        expected -= changed
        if table.embeds_articles:
            expected -= {id for id, shown in NEXT.items() if not changed.isdisjoint(shown)}
    assert use(table, state).keys() == expected
    assert table.survives_writes or table.rows.keys() == expected


def check_page(table: RowTable, page: Page[Item]) -> None:
    """Check that a page is a cache hit if each of its rows is valid, by id and by ordinal."""
    valid = [table.valid.get(item.id) for item in page.items]
    expected = None if None in valid else b",".join(row for row in valid if row is not None)
    for _ in range(2):
        pieces = table.join_page(page)
        joined = None if pieces is None else b"".join(pieces)
        # A row may be cached by id and not yet by ordinal.
        assert joined == expected or (joined is None and table.by_ordinal)
        table.store_ordinals(page)
    pieces = table.join_page(page)
    assert (None if pieces is None else b"".join(pieces)) == expected


def held_bytes(table: RowTable) -> int:
    """The size of a table, computed from its contents."""
    if table not in table.cache.tables:
        assert not table.rows
        assert not table.requested
        assert not table.links
        assert not table.by_ordinal
        return 0
    rows = sum(len(row.json) + 500 + 8 * len(row.articles) for row in table.rows.values())
    requested = REQUESTED_BYTES * len(table.requested)
    by_ordinal = sum(each.size_bytes for each in table.by_ordinal.values())
    return table.own_bytes + rows + requested + table.links_bytes + by_ordinal


def test_rows_by_ordinal_are_cleared_for_another_numbering():
    """A state that is read anew numbers its articles anew: of the old ordinals it tells nothing."""
    table, before = a_table(RowCache(1 << 20)), State()
    use(table, before)
    for item in ITEMS[:2]:
        add(table, item, b"old")
    table.store_ordinals(page_of(0, 2))
    assert table.by_ordinal
    after = before.edited("a")
    after.numbering = "slots 2"
    assert use(table, after).keys() == {"b"}
    assert not table.by_ordinal


def test_links_that_are_memoized_again_are_counted_once():
    """A key is often loaded again."""
    table = a_table(RowCache(1 << 20))
    add(table, ITEMS[0], b"x" * 100)
    for _ in range(2):
        table.memoize_links({"key": table.rows["a"]})
    assert LINK_BYTES <= table.links_bytes < LINK_BYTES + 100


def test_linked_row_that_is_not_cached_is_counted_with_its_link():
    """The link refers to it, so it takes memory."""
    table = a_table(RowCache(1 << 20))
    table.memoize_links({"key": row_of(ITEMS[0], b"x" * 10_000)})
    assert table.links_bytes > 10_000


def test_row_that_contains_a_list_is_dropped_by_writes_other_than_edits():
    """It is freed when another version is read, while other rows may be revalidated."""
    cache = RowCache(10_000)
    lasting, dropped = a_table(cache), a_table(cache, survives_writes=False, embeds_articles=True)
    for table in (lasting, dropped):
        before = State()
        use(table, before)
        add(table, ITEMS[0], b"x" * 100, ("b",))
        assert use(table, before.edited("c")).keys() == {"a"}
        assert use(table, State()) == {}
    assert cache.entries == 1
    assert lasting.revalidate("a", ITEMS[0], ()) is not None
    assert list(lasting.valid) == ["a"]


@pytest.mark.parametrize("change", ["document", "dependencies"])
def test_row_is_invalid_once_anything_in_it_has_changed(change):
    """Neither for another document with the same id, nor for other rows in it."""
    table = a_table(RowCache(10_000))
    table.record_requests(["a"])
    table.add({"a": make_row("a", ITEMS[0], (1,), (), b"x")})
    use(table, State())
    document, dependencies = ITEMS[0], (1,)
    if change == "document":
        document = Item("other")
    else:
        dependencies = (2,)
    assert table.revalidate("a", document, dependencies) is None
    assert table.revalidate("a", ITEMS[0], (1,)) is not None


def test_long_values_of_variables_are_counted():
    """They are in the keys of tables and rows, and clients choose their length."""
    sizes = []
    for length in (1, 5_000):
        cache = RowCache(1 << 20)
        table = a_table(cache, (str, "v" * length))
        table.record_requests([((str, "w" * length), "a")])
        table.add({((str, "w" * length), "a"): row_of(ITEMS[0], b"x")})
        sizes.append(cache.size_bytes)
    assert sizes[1] - sizes[0] == 2 * 4_999


def test_row_that_is_too_large_evicts_no_other():
    """A row that cannot be cached evicts no other row."""
    cache = RowCache(3_000)
    table = a_table(cache)
    add(table, ITEMS[0], b"x" * 100)
    add(table, ITEMS[1], b"x" * 3_000)
    assert list(table.rows) == ["a"]


def test_full_cache_evicts_the_least_recently_used_table():
    """Tables in use stay."""
    cache = RowCache(20_000)
    tables = [a_table(cache) for _ in range(6)]
    state = State()
    for table in (*tables, tables[0]):
        use(table, state)
        if not table.rows:
            add(table, ITEMS[0], b"x" * 1_200)
    for table in tables[2:]:
        use(table, state)
    add(tables[0], ITEMS[1], b"x" * 1_500)
    assert [len(table.rows) for table in tables] == [2, 0, 1, 1, 1, 1]


def test_table_that_outgrows_the_cache_keeps_most_of_its_rows():
    """Of rows that are requested in turn and do not all fit, as many are hits as fit."""
    cache = RowCache(60_000)
    table = a_table(cache)
    items = [Item(f"{number:03}") for number in range(200)]
    state, hits = State(), 0
    for turn in range(10):
        for item in items:
            if item.id in use(table, state):
                hits += turn > 4
            else:
                add(table, item, b"x" * 100)
    assert hits / (5 * len(items)) > 0.6 * cache.capacity_bytes / (len(items) * 720)
