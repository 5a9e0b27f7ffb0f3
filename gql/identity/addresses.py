"""Addresses: loopback hosts, and safe locations of public keys."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def check_jwks_location(location: str) -> str:
    """Return the file or URL of public keys. Raises: ValueError: the transport is not secure."""
    parts = urlsplit(location)
    if "://" not in location or (parts.scheme == "https" and parts.hostname):
        return location
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return location
    raise ValueError("name a file or an https URL (http on this machine only)")


def is_loopback(host: str) -> bool:
    """Whether an address or host name is that of this machine (loopback)."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
