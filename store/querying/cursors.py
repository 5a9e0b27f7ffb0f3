"""Cursors: the opaque texts that name a place in a list or in the history, sealed by the store.

So are the revisions of articles, as clients get them.

A list cursor is a keyset cursor: it holds the sort keys of an item and its id, so it stays right
when items come and go around it, and a message authentication code. A change cursor and a revision
are encrypted as well, so that nobody learns how many changes there were. All are made with the
store's key: nobody else can make one, and each place has exactly one text.

https://www.rfc-editor.org/rfc/rfc7693 (keyed BLAKE2b), https://www.rfc-editor.org/rfc/rfc5297 (SIV)
"""

from __future__ import annotations

import binascii
import hashlib
import re
import secrets
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from hmac import compare_digest
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from store.errors import CursorError
from store.model import Article, Diagnostic, Provider, Topic

from .order_fields import MAX_KEY, SortKey
from .query import OrderStep

KEY_BYTES = 32
MAX_LENGTH = 8_192
"""The longest text that is looked at. No cursor of ours is longer: slugs, domains and titles are
cut or bounded where they are read, and a path is by the system."""

TOKEN_BYTES = 9
"""The size of what tells a change from every other one, and one kind of reader from the others."""

BLANK_TOKEN = bytes(TOKEN_BYTES)
"""The token of a revision to which no change is known, such as that of an empty store."""

KeysetPosition = tuple[SortKey, ...]
"""The sort keys of an item, one for each step of the order, then what tells equals apart."""

_TAG_BYTES = 8
_PLACE = struct.Struct(f">Q{TOKEN_BYTES}s{TOKEN_BYTES}s")  # with SIV's 16 bytes: 56 characters
_REVISION = struct.Struct(">Q")  # with SIV's 16 bytes: 32 characters
_SEALED = re.compile(r"[A-Za-z0-9_-]{56}")
_FORMER = re.compile(r"WyJjIi[A-Za-z0-9_-]{1,120}")  # `["c",`: what versions before gave
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[int | str]).decode


class Bookmark(NamedTuple):
    """A place in the history: the state after one change.

    Attributes:
        revision: the change's.
        token: tells this change from any other that the revision may come to stand for, as where a
            backup is restored and other things are written.
    """

    revision: int
    token: bytes = BLANK_TOKEN


HISTORY_START = Bookmark(0)
"""The place before the first change."""

UNKNOWN_BOOKMARK = Bookmark(0, b"\xff" * TOKEN_BYTES)
"""A place that is in no history, so that whoever goes on from it is told a gap."""


class CursorCodec:
    """Makes and reads the cursors of one store.

    Attributes:
        key: the store's, KEY_BYTES long; a random one where none is given.
    """

    __slots__ = ("_encoders", "_revisions", "_seal", "_tag", "key")

    def __init__(self, key: bytes | None = None) -> None:
        self.key = secrets.token_bytes(KEY_BYTES) if key is None else key
        self._tag = hashlib.blake2b(key=self.key, digest_size=_TAG_BYTES, person=b"list cursor")
        self._seal = AESSIV(hashlib.blake2b(key=self.key, person=b"change cursor").digest())
        self._revisions = AESSIV(hashlib.blake2b(key=self.key, person=b"revision").digest())
        # As many as there are orders: each field once, either way.
        self._encoders: dict[tuple[OrderStep, ...], Callable[[Article], str]] = {}

    def encode(self, mark: str, position: KeysetPosition) -> str:
        """The cursor of a position in the list that `mark` names."""
        payload = _encode((mark, *position))
        tag = self._tag.copy()
        tag.update(payload)
        return _text(payload + tag.digest())

    def decode(self, mark: str, cursor: str) -> KeysetPosition:
        """The position in a cursor that `encode` made with the same mark. Raises: CursorError."""
        sealed = _bytes(cursor)
        payload = sealed[:-_TAG_BYTES]
        tag = self._tag.copy()
        tag.update(payload)
        if not compare_digest(tag.digest(), sealed[-_TAG_BYTES:]):
            raise CursorError(
                f"The cursor {quote(cursor)} is not one of ours. Pass one as it came from this "
                "list, or start again without a cursor."
            )
        found, *position = _decode(payload)
        if found != mark:
            raise CursorError(
                f"The cursor {quote(cursor)} belongs to a list in another order. "
                "Start again without a cursor after changing orderBy."
            )
        return tuple(position)

    def encoder_for(self, order: tuple[OrderStep, ...]) -> Callable[[Article], str]:
        """What makes the cursors of articles in a list of this order; the same for equal orders."""
        encoder = self._encoders.get(order)
        if encoder is None:
            encoder = self._encoders[order] = self._make_encoder(order)
        return encoder

    def _make_encoder(self, order: tuple[OrderStep, ...]) -> Callable[[Article], str]:
        mark, encode = order_mark(order), self.encode
        reads = [step.field.key.read for step in order]
        if len(reads) == 1:
            [read] = reads
            return lambda article: encode(mark, (read(article), article.id))
        return lambda article: encode(mark, (*[read(article) for read in reads], article.id))

    def article(self, article: Article, order: tuple[OrderStep, ...]) -> str:
        """The cursor of an article in a list of this order."""
        return self.encoder_for(order)(article)

    def decode_article(self, cursor: str, order: tuple[OrderStep, ...]) -> KeysetPosition:
        """The inverse of `article`. Raises: CursorError."""
        return self.decode(order_mark(order), cursor)

    def provider(self, provider: Provider) -> str:
        """The cursor of a provider in the list by domain."""
        return self.encode("p", (provider.domain,))

    def decode_provider(self, cursor: str) -> KeysetPosition:
        """The inverse of `provider`. Raises: CursorError."""
        return self.decode("p", cursor)

    def topic(self, topic: Topic) -> str:
        """The cursor of a topic in the list by slug."""
        return self.encode("t", (topic.slug,))

    def decode_topic(self, cursor: str) -> KeysetPosition:
        """The inverse of `topic`. Raises: CursorError."""
        return self.decode("t", cursor)

    def diagnostic(self, diagnostic: Diagnostic) -> str:
        """The cursor of a diagnostic in the list by path and line."""
        return self.encode("g", diagnostic_position(diagnostic))

    def decode_diagnostic(self, cursor: str) -> KeysetPosition:
        """The inverse of `diagnostic`. Raises: CursorError."""
        return self.decode("g", cursor)

    def change(self, place: Bookmark, reader: bytes) -> str:
        """The cursor of a place in the history. `reader`: TOKEN_BYTES that tell what is read."""
        return _text(self._seal.encrypt(_PLACE.pack(*place, reader), None))

    def decode_change(self, cursor: str) -> tuple[Bookmark, bytes]:
        """The inverse of `change`: the place and the reader.

        Of a cursor of another store, or of a former version, the place is `UNKNOWN_BOOKMARK`: who
        holds one has to read everything anew. Raises: CursorError: it is no change cursor at all.
        """
        if _SEALED.fullmatch(cursor):
            try:
                opened = self._seal.decrypt(binascii.a2b_base64(_standard(cursor)), None)
            except InvalidTag:
                return UNKNOWN_BOOKMARK, BLANK_TOKEN
            revision, token, reader = _PLACE.unpack(opened)
            return Bookmark(revision, token), reader
        if _FORMER.fullmatch(cursor):
            return UNKNOWN_BOOKMARK, BLANK_TOKEN
        raise CursorError(
            f"The cursor {quote(cursor)} is not one of ours. Pass one as it came from changes."
        )

    def revision(self, id: str, number: int) -> str:
        """The revision of an article as a text that tells no number and no order."""
        return _text(self._revisions.encrypt(_REVISION.pack(number), [id.encode()]))

    def decode_revision(self, id: str, text: str) -> int | None:
        """The inverse of `revision`; None where it is not one of this article."""
        try:
            opened = self._revisions.decrypt(_bytes(text), [id.encode()])
        except (InvalidTag, UnicodeEncodeError):
            return None
        [number] = _REVISION.unpack(opened)
        return int(number)


def article_position(article: Article, order: Sequence[OrderStep]) -> KeysetPosition:
    """Where an article stands in this order."""
    return (*(step.field.key.read(article) for step in order), article.id)


@lru_cache(maxsize=64)
def order_mark(order: tuple[OrderStep, ...]) -> str:
    """A few characters that name an order of articles."""
    return "".join(step.field.key.mark + "+-"[step.descending] for step in order)


def diagnostic_position(diagnostic: Diagnostic) -> KeysetPosition:
    """Where a diagnostic stands: by path, line and code, then by what it says."""
    said = diagnostic.message
    if len(said) > MAX_KEY:
        digest = hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=8)
        said = said[:MAX_KEY] + digest.hexdigest()
    return (diagnostic.path, diagnostic.line or 0, diagnostic.code, said)


def quote(text: str, limit: int = 40) -> str:
    """A client's own text, quoted and short enough for a message."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _text(sealed: bytes) -> str:
    text = binascii.b2a_base64(sealed, newline=False)
    return text.rstrip(b"=").translate(_URL_SAFE).decode()


def _standard(cursor: str) -> bytes:
    """A cursor in base64's own alphabet, padded. Raises: UnicodeEncodeError."""
    return cursor.encode("ascii").translate(_STANDARD) + b"=" * (-len(cursor) % 4)


def _bytes(cursor: str) -> bytes:
    """The bytes whose text this very cursor is; none, where there are no such bytes."""
    if len(cursor) > MAX_LENGTH:
        return b""
    try:
        sealed = binascii.a2b_base64(_standard(cursor), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return b""
    return sealed if _text(sealed) == cursor else b""
