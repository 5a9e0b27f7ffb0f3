"""Compression: negotiation of the content encoding, and the compressors.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
"""

from __future__ import annotations

import gzip
from collections.abc import Callable

import brotli
import zstandard

MIN_BYTES = 1_400
"""The size from which a body is compressed: a smaller one fits one packet."""

MAX_CODINGS = 100
"""How many entries of an Accept-Encoding header are read: browsers send about five."""

# At these levels 100 kB take a few milliseconds at most.
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=3).compress(body),
    "br": lambda body: brotli.compress(body, quality=4),
    "gzip": lambda body: gzip.compress(body, compresslevel=5, mtime=0),
}
"""The content encodings, the preferred one first."""


def best_encoding(accept_encoding: bytes) -> str | None:
    """Negotiate the content encoding by Accept-Encoding; None for no encoding.

    Of several with the same quality, the first of COMPRESSORS.
    """
    qualities: dict[str, float] = {}
    for entry in accept_encoding.decode("latin-1").lower().split(",", MAX_CODINGS)[:MAX_CODINGS]:
        name, _, parameters = entry.partition(";")
        qualities[name.strip()] = _quality(parameters)
    default = qualities.get("*", 0.0)
    ranked = {name: qualities.get(name, default) for name in COMPRESSORS}
    best = max(ranked, key=lambda name: ranked[name])
    return best if ranked[best] > 0 and ranked[best] >= qualities.get("identity", 0.0) else None


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
