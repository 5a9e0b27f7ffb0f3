"""The cache of header blocks, which many replies share."""

from __future__ import annotations

from gql.cache import ByteCache, CacheRegistry
from gql.cache_control import VARY, private_cache_control
from gql.errors import Headers
from gql.http.reply import SECURITY_HEADERS, HeaderBlock

from .request_cache import ResponseVariant

BlockKey = tuple[ResponseVariant, str, Headers, str | None]
"""The variant, the executor, the executor's header fields, and the content encoding."""

BLOCKS_BYTES = 1 << 20
"""The bound of the cache."""


class HeaderBlockCache:
    """The cache of header blocks."""

    def __init__(self, caches: CacheRegistry, cache_control: str, *, explain: bool) -> None:
        self._cache_control = {
            False: (b"cache-control", cache_control.encode()),
            True: (b"cache-control", private_cache_control(cache_control).encode()),
        }
        self._explain = explain
        self._blocks: ByteCache[BlockKey, HeaderBlock] = caches.add(
            ByteCache("header_blocks", BLOCKS_BYTES, _block_bytes)
        )
        self._not_modified = {
            is_private: HeaderBlock((cache_control, VARY, *SECURITY_HEADERS))
            for is_private, cache_control in self._cache_control.items()
        }

    def not_modified(self, variant: ResponseVariant) -> HeaderBlock:
        """The header block of a 304. A cache updates the stored response by its fields."""
        return self._not_modified[variant.is_private]

    def block(
        self, variant: ResponseVariant, executor: str, headers: Headers, encoding: str | None = None
    ) -> HeaderBlock:
        """The header block of a response, from the cache or built now."""
        key = variant, executor, headers, encoding
        block = self._blocks.get(key)
        if block is None:
            block = HeaderBlock(self._fields(*key))
            self._blocks.put(key, block)
        return block

    def _fields(
        self, variant: ResponseVariant, executor: str, headers: Headers, encoding: str | None
    ) -> Headers:
        fields = [
            (b"content-type", f"{variant.media_type}; charset=utf-8".encode()),
            self._cache_control[variant.is_private],
            VARY,
            *SECURITY_HEADERS,
            *headers,
        ]
        if self._explain:
            fields.append((b"x-newsgraph-way", executor.encode()))
        if encoding is not None:
            fields.append((b"content-encoding", encoding.encode()))
        return tuple(fields)


def _block_bytes(key: BlockKey, block: HeaderBlock) -> int:
    added = sum(len(name) + len(value) + 130 for name, value in key[2])
    return added + 2 * len(block.text) + 500
