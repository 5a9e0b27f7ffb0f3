"""Hosts and domains of the web in their ASCII form (the only module on idna)."""

from __future__ import annotations

import re
from functools import lru_cache

import idna

from .normal_forms import fold_name

MAX_DOMAIN_LENGTH = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4

_DOTS = re.compile("[.\u3002\uff0e\uff61]")


def domain_key(domain: str) -> str:
    """The canonical spelling of a domain: ASCII (IDNA), lower case, no dot at the end.

    It is cut to the DNS limit. Of a label that is no valid domain name only the case is folded.
    """
    if domain.isascii():
        return domain.strip().rstrip(".").lower()[:MAX_DOMAIN_LENGTH]
    return _international_domain(domain.strip()[:MAX_DOMAIN_LENGTH])


@lru_cache(maxsize=4_096)
def _international_domain(domain: str) -> str:
    labels = ".".join([_ascii_label(label) for label in _DOTS.split(domain)])
    return labels.strip().rstrip(".").lower()[:MAX_DOMAIN_LENGTH]


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True, std3_rules=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return fold_name(label)
