"""URLs: validation, and the canonical form under which pages are compared."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from .hosts import domain_key
from .text import unescape_url

MAX_URL_LENGTH = 8_192

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Parameters that campaigns and social networks add without changing the page.
_TRACKING = frozenset(
    "fbclid gclid dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh mc_cid mc_eid "
    "_hsenc _hsmi mkt_tok vero_id oly_anon_id oly_enc_id wickedid ocid ncid cmpid".split()
)
_ENCODED = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ASCII = "".join(map(chr, range(128)))
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_")


def is_web_url(url: str) -> bool:
    """Whether a text is an absolute http(s) URL that is safe in a link."""
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or any(c in url for c in ' <>"\\`'):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def canonical_url(url: str) -> str:
    """Return the canonical form of a URL, by which the store joins and looks up pages.

    The host is in lower case and in ASCII (IDNA); the default port, the fragment, HTML character
    references and tracking parameters are removed. Percent-encoding has its normal form, see
    https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2. Scheme, path and the order of parameters
    stay. A text that is no web URL, or longer than MAX_URL_LENGTH, is only stripped, so it equals
    only itself.
    """
    return _cached_canonical_url(url) if len(url) <= _MAX_CACHED_LENGTH else _canonical_url(url)


_MAX_CACHED_LENGTH = 500
"""Longest URL in the cache. Clients choose URLs, too, so its memory must be bounded."""


def _canonical_url(url: str) -> str:
    url = unescape_url(url)
    if len(url) > MAX_URL_LENGTH:
        return url
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return url
    host = f"[{host}]" if ":" in host else _ascii_host(host)
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{port}"
    path, parameters = _normal_encoding(parts.path), _normal_encoding(parts.query).split("&")
    query = "&".join(p for p in parameters if p and not _is_tracking(p))
    return f"{parts.scheme}://{host}{path or '/'}{'?' + query if query else ''}"


_cached_canonical_url = lru_cache(maxsize=32_768)(_canonical_url)


def _ascii_host(host: str) -> str:
    return host.rstrip(".") if host.isascii() else domain_key(host)


def _normal_encoding(text: str) -> str:
    """A part of a URL with characters encoded only where they must be, in upper-case digits."""
    if "%" in text:
        text = _ENCODED.sub(_normal_octet, text)
    return text if text.isascii() else quote(text, safe=_ASCII, errors="replace")


def _normal_octet(encoded: re.Match[str]) -> str:
    character = chr(int(encoded[1], 16))
    return character if character in _UNRESERVED else encoded[0].upper()


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
