"""Authentication by keys and tokens, and rate limits."""

from .authentication import AuthenticationMiddleware
from .authenticator import (
    AuthenticationUnavailableError,
    Authenticator,
    UnauthenticatedError,
    authenticator,
)
from .key_file import ApiKey, KeyFile, KeyFileError, KeyRing, expiry
from .rate_limit import RateLimitMiddleware
from .rates import RateLimitedError, RateLimiter

__all__ = [
    "ApiKey",
    "AuthenticationMiddleware",
    "AuthenticationUnavailableError",
    "Authenticator",
    "KeyFile",
    "KeyFileError",
    "KeyRing",
    "RateLimitMiddleware",
    "RateLimitedError",
    "RateLimiter",
    "UnauthenticatedError",
    "authenticator",
    "expiry",
]
