"""Rows: the JSON of list items and of linked documents."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import count
from typing import Any

import msgspec
import orjson

from .key_size import key_bytes

ROW_BYTES = 500
"""The overhead of a row beside its JSON: the object, the fragment, its entries in two dicts."""

ANY_ARTICLE = ""
"""In a row's `articles`: the row may contain any article, so every edit affects it."""

MAX_ARTICLES = 100
"""A row with more articles has `ANY_ARTICLE` instead of their ids."""

RowKey = Hashable
"""A document's id, with the values of variables where a table is shared by several."""

_serials = count(1)


class Row(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A rendered document.

    Attributes:
        id: The document's id; empty for a page of a list.
        document: The document that was rendered.
        dependencies: The serial numbers of the rows that it embeds, for each link.
        articles: The ids of the articles in it, besides its document's.
        json: Its JSON.
        fragment: Its JSON as a fragment, to be embedded in other rows.
        serial: Its serial number, which no other row has.
    """

    id: str
    document: Any
    dependencies: tuple[Any, ...]
    articles: Sequence[str]
    json: bytes
    fragment: orjson.Fragment
    serial: int


def make_row(
    id: str, document: Any, dependencies: tuple[Any, ...], articles: Sequence[str], json: bytes
) -> Row:
    """A new row, with the next serial number."""
    return Row(id, document, dependencies, articles, json, orjson.Fragment(json), next(_serials))


def row_bytes(key: RowKey, row: Row) -> int:
    """The size of a row in the cache."""
    variables_bytes = key_bytes(key) if type(key) is tuple else 0
    parts_bytes = 50 * len(row.dependencies) + 8 * len(row.articles)
    return len(row.json) + ROW_BYTES + parts_bytes + variables_bytes
