"""What can be wrong with tokens; apart from `tokens`, which is only loaded where there are some."""

from __future__ import annotations


class TokenError(Exception):
    """A token that is not to be trusted; the message says why, for its bearer."""


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had; the message is for the log."""
