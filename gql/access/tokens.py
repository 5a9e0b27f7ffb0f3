"""JSON Web Tokens (JWT), verified by the JWKS of their issuer. The only module that imports PyJWT.

https://www.rfc-editor.org/rfc/rfc7519, https://www.rfc-editor.org/rfc/rfc8725 (best practices)
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.request import HTTPRedirectHandler, build_opener

import jwt
import structlog

from gql.identity.viewer import Permission, Viewer

from .token_errors import JwksUnavailableError, TokenError

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Asymmetric signatures only: whoever can verify a token must not be able to make one."""
LEEWAY_S = 30
"""The tolerated difference of clocks, in seconds."""
MAX_AGE_S = 300.0
"""The time after which the JWKS is fetched again, in seconds."""
MAX_STALE_S = 3_600.0
"""The time for which it is used if it cannot be fetched again, in seconds."""
MIN_FETCH_INTERVAL_S = 10.0
"""The shortest time between two fetches, however many tokens name unknown keys."""
TIMEOUT_S = 5.0
MAX_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects: only the operator decides from where the keys are loaded."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = build_opener(_NoRedirects)


class JwksClient:
    """The public keys (JWKS) of an issuer: fetched in a thread, and cached.

    Attributes:
        location: The path of a file, or a URL.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._attempted_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of this id, or the only one. Raises: JwksUnavailableError."""
        if not self._can_use_cache(key_id):
            async with self._fetching:
                if not self._can_use_cache(key_id):  # another task may have fetched meanwhile
                    await self._fetch()
        if time.monotonic() - self._fetched_at > MAX_STALE_S:
            raise JwksUnavailableError(self.location)
        return self._cached_key(key_id)

    def _cached_key(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _can_use_cache(self, key_id: str | None) -> bool:
        """Whether no fetch is needed or allowed: the cache has the key, or was just fetched."""
        now = time.monotonic()
        is_fresh = now - self._fetched_at <= MAX_AGE_S
        is_hit = is_fresh and self._cached_key(key_id) is not None
        return is_hit or now - self._attempted_at <= MIN_FETCH_INTERVAL_S

    async def _fetch(self) -> None:
        self._attempted_at = time.monotonic()
        try:
            content = await asyncio.to_thread(_read, self.location)
            keys = jwt.PyJWKSet.from_json(content.decode()).keys
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.warning("jwks_unavailable", jwks=self.location, reason=str(error))
            return
        self._keys = {key.key_id: key for key in keys}
        self._fetched_at = time.monotonic()


def _read(location: str) -> bytes:
    if "://" not in location:
        return Path(location).read_bytes()
    with _opener.open(location, timeout=TIMEOUT_S) as response:
        content: bytes = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


class TokenVerifier:
    """Verifies JSON Web Tokens of one issuer, for the audience of this server.

    Attributes:
        keys: The public keys of the issuer.
        issuer: The expected claim `iss`.
        audience: The expected claim `aud`.
    """

    def __init__(self, keys: JwksClient, issuer: str, audience: str) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience

    async def verify(self, token: str) -> Viewer:
        """The viewer of a token: its subject, with the known scopes of its claim `scope`.

        Raises: TokenError. JwksUnavailableError.
        """
        try:
            key = await self.keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenError("its key is unknown")
            claims = self._claims(token, key)
        except jwt.ExpiredSignatureError:
            raise TokenError("it has expired") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError):
            raise TokenError("its issuer or audience is wrong") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenError("it is not a token of this issuer") from None
        return Viewer(_permissions(claims.get("scope")), name=f"jwt:{claims['sub']}")

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )


def _permissions(claim: Any) -> frozenset[Permission]:
    """https://www.rfc-editor.org/rfc/rfc8693#section-4.2"""
    words = claim.split() if isinstance(claim, str) else ()
    return frozenset(Permission(word) for word in words if word in Permission.__members__)
