"""Authentication by keys and tokens, and rate limits."""

from .authentication import AuthenticationMiddleware
from .authenticator import Authenticator, authenticator
from .key_file import ApiKey, KeyFile, KeyFileError, KeyRing, expiry
from .rate_limit import RateLimitMiddleware
from .rates import RateLimiter

__all__ = [
    "ApiKey",
    "AuthenticationMiddleware",
    "Authenticator",
    "KeyFile",
    "KeyFileError",
    "KeyRing",
    "RateLimitMiddleware",
    "RateLimiter",
    "authenticator",
    "expiry",
]
