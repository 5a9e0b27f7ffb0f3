"""URLs: validation, and the canonical form under which pages are compared."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from .text import unescape_url

MAX_URL_LENGTH = 8_192

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Parameters that campaigns and social networks add without changing the page.
_TRACKING = frozenset(
    "fbclid gclid dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh mc_cid mc_eid "
    "_hsenc _hsmi mkt_tok vero_id oly_anon_id oly_enc_id wickedid ocid ncid cmpid".split()
)
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

    The host is in lower case; the default port, the fragment, HTML character references and
    tracking parameters are removed. Scheme, path and the order of parameters stay. A text that is
    no web URL, or longer than MAX_URL_LENGTH, is only stripped, so it equals only itself.
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
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{port}"
    query = "&".join(p for p in parts.query.split("&") if p and not _is_tracking(p))
    return f"{parts.scheme}://{host}{parts.path or '/'}{'?' + query if query else ''}"


_cached_canonical_url = lru_cache(maxsize=32_768)(_canonical_url)


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
