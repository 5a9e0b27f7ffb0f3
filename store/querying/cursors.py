"""Cursors: opaque texts for positions in lists and in the change history.

A list cursor is a keyset cursor: it holds the sort keys of an item and its id, so it stays valid
when items are inserted or deleted around it. It is authenticated. A change cursor is encrypted, so
that nobody learns how many changes there were; and so is a revision, as clients get it. All use the
store's key: nobody else can make one, and each position has exactly one text.

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
"""The longest text that is decoded. No cursor is longer: slugs, domains and titles are cut or
bounded where they are read, and paths by the system."""

TOKEN_BYTES = 9
"""The size of a token: of a change, or of the readers of a change cursor."""

MEMBER_BYTES = 12
"""The size of `Bookmark.member`."""

BLANK_TOKEN = bytes(TOKEN_BYTES)
"""The token of a revision without a change in the history, such as that of an empty store."""

KeysetPosition = tuple[SortKey, ...]
"""The sort keys of an item, one for each step of the order, then its id as the tie-breaker."""

_TAG_BYTES = 8
_CHANGE = struct.Struct(f">Q{TOKEN_BYTES}s{TOKEN_BYTES}s")  # with SIV's 16 bytes: 56 characters
_REVISION = struct.Struct(">Q")  # with SIV's 16 bytes: 32 characters
_ENCRYPTED = re.compile(r"[A-Za-z0-9_-]{56}([A-Za-z0-9_-]{16})?")
_OLD_FORMAT = re.compile(r"WyJjIi[A-Za-z0-9_-]{1,120}")  # `["c",`: of earlier versions
_STANDARD = bytes.maketrans(b"-_", b"+/")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[int | str]).decode


class Bookmark(NamedTuple):
    """A position in the change history: after one change.

    Attributes:
        revision: the revision of the change.
        token: a digest of the change. After a restored backup, another change may get the same
            revision, but not the same token.
        member: for a position inside the next change, which has several events for its reader: the
            token of the article after whose event it is. Else empty.
    """

    revision: int
    token: bytes = BLANK_TOKEN
    member: bytes = b""


HISTORY_START = Bookmark(0)
"""The position before the first change."""

UNKNOWN_BOOKMARK = Bookmark(0, b"\xff" * TOKEN_BYTES)
"""A position that is in no history: a reader who continues from it gets a gap."""


class CursorCodec:
    """Encodes and decodes the cursors of one store.

    Attributes:
        key: the store's key, KEY_BYTES long; by default a random one.
    """

    __slots__ = ("_change_cipher", "_encoders", "_mac", "_revision_cipher", "key")

    def __init__(self, key: bytes | None = None) -> None:
        self.key = secrets.token_bytes(KEY_BYTES) if key is None else key
        self._mac = hashlib.blake2b(key=self.key, digest_size=_TAG_BYTES, person=b"list cursor")
        self._change_cipher = AESSIV(
            hashlib.blake2b(key=self.key, person=b"change cursor").digest()
        )
        self._revision_cipher = AESSIV(hashlib.blake2b(key=self.key, person=b"revision").digest())
        # Bounded: an order has each field once, in either direction.
        self._encoders: dict[tuple[OrderStep, ...], Callable[[Article], str]] = {}

    def encode(self, mark: str, position: KeysetPosition) -> str:
        """The cursor of a position. `mark` names the list and its order."""
        payload = _encode((mark, *position))
        tag = self._mac.copy()
        tag.update(payload)
        return _text(payload + tag.digest())

    def decode(self, mark: str, cursor: str) -> KeysetPosition:
        """The inverse of `encode`, with the same mark. Raises: CursorError."""
        sealed = _bytes(cursor)
        payload = sealed[:-_TAG_BYTES]
        tag = self._mac.copy()
        tag.update(payload)
        if not compare_digest(tag.digest(), sealed[-_TAG_BYTES:]):
            raise CursorError(
                f"The cursor {quote(cursor)} is not one of ours. Pass one as it came from this "
                "list, or start again without a cursor."
            )
        decoded_mark, *position = _decode(payload)
        if decoded_mark != mark:
            raise CursorError(
                f"The cursor {quote(cursor)} belongs to a list in another order. "
                "Start again without a cursor after changing orderBy."
            )
        return tuple(position)

    def encoder_for(self, order: tuple[OrderStep, ...]) -> Callable[[Article], str]:
        """The function that encodes cursors of articles in an order; one object for each order."""
        encoder = self._encoders.get(order)
        if encoder is None:
            encoder = self._encoders[order] = self._make_encoder(order)
        return encoder

    def _make_encoder(self, order: tuple[OrderStep, ...]) -> Callable[[Article], str]:
        mark, encode = order_mark(order), self.encode
        reads = [step.field.rule.read for step in order]
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

    def change(self, bookmark: Bookmark, reader: bytes) -> str:
        """The cursor of a bookmark. `reader`: a token of the reader's rights and filter."""
        revision, token, member = bookmark
        plain = _CHANGE.pack(revision, token, reader) + member
        return _text(self._change_cipher.encrypt(plain, None))

    def decode_change(self, cursor: str) -> tuple[Bookmark, bytes]:
        """The inverse of `change`: the bookmark and the reader's token.

        `UNKNOWN_BOOKMARK` for a cursor of another store or of an earlier format: its reader has to
        read everything anew. Raises: CursorError: it is no change cursor.
        """
        if _ENCRYPTED.fullmatch(cursor):
            try:
                decrypted = self._change_cipher.decrypt(
                    binascii.a2b_base64(_standard(cursor)), None
                )
            except InvalidTag:
                return UNKNOWN_BOOKMARK, BLANK_TOKEN
            revision, token, reader = _CHANGE.unpack_from(decrypted)
            return Bookmark(revision, token, decrypted[_CHANGE.size :]), reader
        if _OLD_FORMAT.fullmatch(cursor):
            return UNKNOWN_BOOKMARK, BLANK_TOKEN
        raise CursorError(
            f"The cursor {quote(cursor)} is not one of ours. Pass one as it came from changes."
        )

    def revision(self, id: str, number: int) -> str:
        """The encrypted revision of an article: it reveals neither number nor order."""
        return _text(self._revision_cipher.encrypt(_REVISION.pack(number), [id.encode()]))

    def decode_revision(self, id: str, text: str) -> int | None:
        """The inverse of `revision`; None for a text that is no revision of this article."""
        try:
            decrypted = self._revision_cipher.decrypt(_bytes(text), [id.encode()])
        except (InvalidTag, UnicodeEncodeError):
            return None
        [number] = _REVISION.unpack(decrypted)
        return int(number)


def article_position(article: Article, order: Sequence[OrderStep]) -> KeysetPosition:
    """The keyset position of an article in this order."""
    return (*(step.field.rule.read(article) for step in order), article.id)


@lru_cache(maxsize=64)
def order_mark(order: tuple[OrderStep, ...]) -> str:
    """The mark of an order of articles: a few characters."""
    return "".join(step.field.rule.mark + "+-"[step.descending] for step in order)


def diagnostic_position(diagnostic: Diagnostic) -> KeysetPosition:
    """The keyset position of a diagnostic: path, line, code, message."""
    message = diagnostic.message
    if len(message) > MAX_KEY:
        digest = hashlib.blake2b(message.encode("utf-8", "replace"), digest_size=8)
        message = message[:MAX_KEY] + digest.hexdigest()
    return (diagnostic.path, diagnostic.line or 0, diagnostic.code, message)


def quote(text: str, limit: int = 40) -> str:
    """A client's text, quoted and shortened for a message."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _text(sealed: bytes) -> str:
    text = binascii.b2a_base64(sealed, newline=False)
    return text.rstrip(b"=").translate(_URL_SAFE).decode()


def _standard(cursor: str) -> bytes:
    """The cursor in the standard alphabet of base64, padded. Raises: UnicodeEncodeError."""
    return cursor.encode("ascii").translate(_STANDARD) + b"=" * (-len(cursor) % 4)


def _bytes(cursor: str) -> bytes:
    """The decoded bytes; none if the text is not the canonical encoding of any."""
    if len(cursor) > MAX_LENGTH:
        return b""
    try:
        sealed = binascii.a2b_base64(_standard(cursor), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return b""
    return sealed if _text(sealed) == cursor else b""
