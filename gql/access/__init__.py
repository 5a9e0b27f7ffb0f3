"""Access control: authentication by API keys and JSON Web Tokens, and rate limits."""

from .authentication import AuthenticationMiddleware
from .authenticator import Authenticator, build_authenticator
from .key_file import ApiKey, KeyFile, KeyFileError, parse_expiry
from .key_ring import KeyRing
from .rate_limit_middleware import RateLimitMiddleware
from .rate_limiter import RateLimiter

__all__ = [
    "ApiKey",
    "AuthenticationMiddleware",
    "Authenticator",
    "KeyFile",
    "KeyFileError",
    "KeyRing",
    "RateLimitMiddleware",
    "RateLimiter",
    "build_authenticator",
    "parse_expiry",
]
