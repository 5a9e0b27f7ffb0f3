"""Rows by ordinal: ranges are joined from blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gql.executor.rows.rows_by_ordinal import RowsByOrdinal
from store import (
    PageOrdinals,
)


@given(st.integers(1, 200), st.data())
def test_blocks_give_the_rows_of_any_run(length, data):
    """Joined by commas, upwards and downwards; None exactly where a row of a block is missing."""
    by_ordinal = RowsByOrdinal(length)
    rows = [b"%d" % number * (number % 3) for number in range(length)]
    by_ordinal.rows = list(rows)
    missing = data.draw(st.sets(st.integers(0, length - 1), max_size=2))
    for ordinal in missing:
        by_ordinal.rows[ordinal] = None
    for _ in range(3):
        start, end = sorted(data.draw(st.tuples(*[st.integers(0, length)] * 2)))
        if start == end:
            continue
        run = slice(start, end)
        if data.draw(st.booleans()):
            run = slice(end - 1, start - 1 if start else None, -1)
        pieces = by_ordinal.join(PageOrdinals("slots", range(length)[run], run, length))
        if missing.intersection(range(start, end)):
            assert pieces is None
        else:
            assert b"".join(pieces or ()) == b",".join(rows[run])
        # A row that has changed shows at once; its blocks go, and with them their bytes.
        by_ordinal.invalidate([start])
        assert by_ordinal.join(PageOrdinals("slots", [start], None, length)) is None
        blocks = sum(len(text) + 36 * len(offsets) for text, offsets in by_ordinal._blocks.values())
        assert by_ordinal.size_bytes == 8 * length + blocks
        if start not in missing:
            by_ordinal.rows[start] = rows[start] = rows[start] + b"x"
