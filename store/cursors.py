"""Keyset cursors: a place in an ordered list, named by what stands there.

A cursor holds the sort keys of an item and its id, so it stays right when items come and go
around it. It is opaque to clients, and marked with the order it belongs to, so that one taken from
another list is refused instead of misread.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec

from .errors import CursorError
from .model import Article, Diagnostic, Provider, Topic
from .order_fields import SortKey, from_micros, micros
from .query import Order

Position = tuple[SortKey, ...]
"""The sort keys of an item, one for each step of the order, then what tells equals apart."""

_Natural = Annotated[int, msgspec.Meta(ge=0)]
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[int | str]).decode


def article_position(article: Article, order: Sequence[Order]) -> Position:
    """Where an article stands in this order."""
    return (*(step.field.key.read(article) for step in order), article.id)


@lru_cache(maxsize=64)
def order_mark(order: tuple[Order, ...]) -> str:
    """A few characters that name an order of articles."""
    return "".join(step.field.key.mark + "+-"[step.descending] for step in order)


def encode_cursor(mark: str, position: Position) -> str:
    """The opaque text for a position in the list that `mark` names."""
    text = binascii.b2a_base64(_encode((mark, *position)), newline=False)
    return text.rstrip(b"=").translate(_URL_SAFE).decode()


def decode_cursor(mark: str, cursor: str, kinds: list[type]) -> Position:
    """The position in a cursor made by `encode_cursor` with the same mark.

    `kinds`: the types of the position's members, n.
    Raises: CursorError: it is not such a cursor.
    """
    try:
        text = cursor.encode("ascii").translate(_STANDARD) + b"=" * (-len(cursor) % 4)
        found, *position = _decode(binascii.a2b_base64(text, strict_mode=True))
    except (ValueError, binascii.Error, msgspec.DecodeError, UnicodeEncodeError):
        raise CursorError(
            f"The cursor {shown(cursor)} is not one of ours. Pass one as it came from this list."
        ) from None
    if found != mark or [type(part) for part in position] != kinds:
        raise CursorError(
            f"The cursor {shown(cursor)} belongs to a list in another order. "
            "Start again without a cursor after changing orderBy."
        )
    return tuple(position)


def article_cursor(article: Article, order: tuple[Order, ...]) -> str:
    """The cursor of an article in a list of this order."""
    return cursors_of(order)(article)


@lru_cache(maxsize=64)
def cursors_of(order: tuple[Order, ...]) -> Callable[[Article], str]:
    """What makes the cursors of articles in a list of this order."""
    mark, reads = order_mark(order), [step.field.key.read for step in order]
    if len(reads) == 1:
        [read] = reads
        return lambda article: encode_cursor(mark, (read(article), article.id))
    return lambda article: encode_cursor(mark, (*[read(article) for read in reads], article.id))


def decode_article_cursor(cursor: str, order: tuple[Order, ...]) -> Position:
    """The inverse of `article_cursor`. Raises: CursorError."""
    return decode_cursor(order_mark(order), cursor, _kinds(order))


@lru_cache(maxsize=64)
def _kinds(order: tuple[Order, ...]) -> list[type]:
    return [*(step.field.key.kind for step in order), str]


def shown(text: str, limit: int = 40) -> str:
    """A client's own text, quoted and short enough for a message."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def provider_cursor(provider: Provider) -> str:
    """The cursor of a provider in the list by domain."""
    return encode_cursor("p", (provider.domain,))


def decode_provider_cursor(cursor: str) -> Position:
    """The inverse of `provider_cursor`. Raises: CursorError."""
    return decode_cursor("p", cursor, [str])


def topic_cursor(topic: Topic) -> str:
    """The cursor of a topic in the list by slug."""
    return encode_cursor("t", (topic.slug,))


def decode_topic_cursor(cursor: str) -> Position:
    """The inverse of `topic_cursor`. Raises: CursorError."""
    return decode_cursor("t", cursor, [str])


def diagnostic_position(diagnostic: Diagnostic) -> Position:
    """Where a diagnostic stands: by path, line, and what it says."""
    return (diagnostic.path, diagnostic.line or 0, diagnostic.code, diagnostic.message)


def diagnostic_cursor(diagnostic: Diagnostic) -> str:
    """The cursor of a diagnostic in the list by path and line."""
    return encode_cursor("g", diagnostic_position(diagnostic))


def decode_diagnostic_cursor(cursor: str) -> Position:
    """The inverse of `diagnostic_cursor`. Raises: CursorError."""
    return decode_cursor("g", cursor, [str, int, str, str])


class Bookmark(NamedTuple):
    """Where somebody goes on from in the history: the store's revision, and by what it is known.

    `at`: when that revision came, None where that is not known. `topics`: the mark of the names
    that topics had (`topics_mark`), empty where it is not known.
    """

    revision: int
    at: datetime | None = None
    topics: str = ""


def topics_mark(names: Mapping[str, str]) -> str:
    """A few characters that tell what topics are called in a tree, by their names by slug."""
    text = msgspec.json.encode(names, order="sorted")
    return hashlib.blake2b(text, digest_size=4).hexdigest()


def change_cursor(revision: int, at: datetime | None = None, topics: str = "") -> str:
    """The cursor of a change: a `Bookmark` behind it."""
    known = (micros(at) if at else 0, topics) if at or topics else ()
    return encode_cursor("c", (revision, *known))


def decode_change_cursor(cursor: str) -> Bookmark:
    """The inverse of `change_cursor`. Raises: CursorError."""
    try:
        known = decode_cursor("c", cursor, [int, int, str])
    except CursorError:
        known = (*decode_cursor("c", cursor, [int]), 0, "")
    try:
        revision, at_us, topics = msgspec.convert(known, tuple[_Natural, _Natural, str])
        return Bookmark(revision, from_micros(at_us) if at_us else None, topics)
    except (msgspec.ValidationError, OverflowError):
        raise CursorError(
            f"The cursor {shown(cursor)} is not one of ours. Pass one as it came."
        ) from None
