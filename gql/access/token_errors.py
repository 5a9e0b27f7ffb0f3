"""The errors of `tokens`, apart from it because it is only loaded with an issuer."""

from __future__ import annotations


class TokenError(Exception):
    """An invalid token; the message is the reason, for the client."""


class JwksUnavailableError(Exception):
    """The JWKS of the issuer cannot be loaded; the message is for the log."""
