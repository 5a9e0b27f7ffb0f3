"""JSON Web Tokens, checked by the keys of whoever issues them. The only module on PyJWT.

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

from .token_errors import KeysUnavailableError, TokenError

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures by key pairs only: whoever can check a token must not be able to make one."""
LEEWAY_S = 30
FRESH_S = 300.0
"""How long fetched keys are used before they are fetched again, in seconds."""
STALE_S = 3_600.0
"""How long they are used where they cannot be fetched again."""
RETRY_S = 10.0
"""The shortest time between two fetches, however many tokens name keys that are not known."""
TIMEOUT_S = 5.0
MAX_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class _NoRedirects(HTTPRedirectHandler):
    """Where the keys are is the operator's to say, and nobody else's."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = build_opener(_NoRedirects)


class IssuerKeys:
    """The public keys at a path or URL, fetched off the event loop and kept."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of this id, or the only one. Raises: KeysUnavailableError."""
        if not self._may_use(key_id):
            async with self._fetching:
                if not self._may_use(key_id):  # another may have fetched meanwhile
                    await self._fetch()
        if time.monotonic() - self._fetched_at > STALE_S:
            raise KeysUnavailableError(self.place)
        return self._find(key_id)

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _may_use(self, key_id: str | None) -> bool:
        """Whether what is known will do: it is fresh and has this key, or was just tried."""
        now = time.monotonic()
        is_fresh = now - self._fetched_at <= FRESH_S
        return (is_fresh and self._find(key_id) is not None) or now - self._tried_at <= RETRY_S

    async def _fetch(self) -> None:
        self._tried_at = time.monotonic()
        try:
            content = await asyncio.to_thread(_read, self.place)
            keys = jwt.PyJWKSet.from_json(content.decode()).keys
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.warning("jwks_unavailable", jwks=self.place, reason=str(error))
            return
        self._keys = {key.key_id: key for key in keys}
        self._fetched_at = time.monotonic()


def _read(place: str) -> bytes:
    if "://" not in place:
        return Path(place).read_bytes()
    with _opener.open(place, timeout=TIMEOUT_S) as response:
        content: bytes = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


class TokenVerifier:
    """Makes viewers of the tokens that one issuer gives out for this server."""

    def __init__(self, keys: IssuerKeys, issuer: str, audience: str) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience

    async def viewer(self, token: str) -> Viewer:
        """The token's subject with the scopes in its claim `scope`; others are not ours.

        Raises: TokenError. KeysUnavailableError.
        """
        try:
            key = await self.keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenError("its key is not known")
            claims = self._claims(token, key)
        except jwt.ExpiredSignatureError:
            raise TokenError("it has expired") from None
        except (jwt.InvalidIssuerError, jwt.InvalidAudienceError):
            raise TokenError("its issuer or audience is another") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenError("it is no token of this issuer") from None
        return Viewer(_scopes(claims.get("scope")), name=f"jwt:{claims['sub']}")

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


def _scopes(claim: Any) -> frozenset[Permission]:
    """https://www.rfc-editor.org/rfc/rfc8693#section-4.2"""
    words = claim.split() if isinstance(claim, str) else ()
    return frozenset(Permission(word) for word in words if word in Permission.__members__)
