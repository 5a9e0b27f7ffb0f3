"""Which hosts are this machine, and from where public keys may be fetched."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def key_address(place: str) -> str:
    """The place of public keys, if nobody between could exchange them. Raises: ValueError."""
    parts = urlsplit(place)
    if "://" not in place or (parts.scheme == "https" and parts.hostname):
        return place
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return place
    raise ValueError("name a file or an https URL (http on this machine only)")


def is_loopback(host: str) -> bool:
    """Whether an address or a host's name means this machine and no other."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
