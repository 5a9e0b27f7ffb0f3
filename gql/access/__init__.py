"""Who may come in: keys and tokens, rights, and how many requests each may make."""

from .authenticator import (
    AuthenticationUnavailableError,
    Authenticator,
    UnauthenticatedError,
    authenticator,
)
from .gate import Gate, Now
from .key_file import ApiKey, KeyFile, KeyFileError, KeyRing, expiry
from .rates import RateLimitedError, RateLimiter

__all__ = [
    "ApiKey",
    "AuthenticationUnavailableError",
    "Authenticator",
    "Gate",
    "KeyFile",
    "KeyFileError",
    "KeyRing",
    "Now",
    "RateLimitedError",
    "RateLimiter",
    "UnauthenticatedError",
    "authenticator",
    "expiry",
]
