"""The authenticator: from the Authorization header of a request to its viewer.

https://www.rfc-editor.org/rfc/rfc6750
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from starlette.types import Scope

from gql.errors import AuthenticationUnavailableError, Headers, UnauthenticatedError
from gql.identity.viewer import PREVIEW, PUBLIC, Viewer, is_local
from gql.settings import Settings

from .key_file import ApiKey, KeyFile, KeyFileError
from .key_ring import KeyRing
from .token_errors import JwksUnavailableError, TokenError

if TYPE_CHECKING:
    from .tokens import TokenVerifier

MAX_CACHED_KEYS, MAX_CACHED_BYTES = 1_024, 128
"""The bounds of the cache of viewers: entries, and bytes of a header; an API key takes 67 bytes."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]{1,8192}=*)", re.IGNORECASE)
_CHALLENGE = 'Bearer realm="newsgraph"'

log = structlog.get_logger(__name__)


class Authenticator:
    """Authenticates requests by API keys, and by JSON Web Tokens where an issuer is configured.

    Attributes:
        keys: The API keys.
        tokens: Verifies JSON Web Tokens; None: every bearer token is an API key.
        allows_anonymous: Whether requests without credentials are served, as the public's.
        preview: Whether local requests without credentials may read everything.
    """

    def __init__(
        self,
        keys: KeyRing,
        tokens: TokenVerifier | None = None,
        *,
        allows_anonymous: bool = True,
        preview: bool = False,
    ) -> None:
        self.keys = keys
        self.tokens = tokens
        self.allows_anonymous = allows_anonymous
        self.preview = preview
        self._cached_entries = keys.entries  # those for which the cache is valid
        self._cache: dict[bytes, tuple[ApiKey, Viewer]] = {}

    async def authenticate(self, scope: Scope) -> Viewer:
        """The viewer of a request.

        Raises: UnauthenticatedError. AuthenticationUnavailableError.
        """
        header = authorization_header(scope)
        if header is None:
            return self.anonymous_viewer(scope)
        return await self.authenticate_bearer(header)

    def authenticate_sync(self, header: bytes | None, scope: Scope) -> Viewer | None:
        """The viewer of a request without credentials or with a cached key.

        `header`: its Authorization header, if any. None: the credentials need a check, or are
        refused.
        """
        try:
            if not header:
                return self.anonymous_viewer(scope)
            return self._cached_viewer(header)
        except (UnauthenticatedError, KeyFileError):
            return None

    def _cached_viewer(self, header: bytes) -> Viewer | None:
        """The viewer of a key that was checked before and is still valid; None on a cache miss."""
        cached = self._cache.get(header)
        if cached is None:
            return None
        self.keys.refresh()
        if self.keys.entries is not self._cached_entries:
            self._cache.clear()
            return None
        key, viewer = cached
        return viewer if key.expires is None or key.is_valid(datetime.now(UTC)) else None

    def anonymous_viewer(self, scope: Scope) -> Viewer:
        """The viewer without credentials. Raises: UnauthenticatedError: some are required."""
        if self.preview and is_local(scope):
            return PREVIEW
        if not self.allows_anonymous:
            raise UnauthenticatedError(
                "This server requires a key. Send it as Authorization: Bearer KEY.",
                headers=_challenge(_CHALLENGE),
            )
        return PUBLIC

    async def authenticate_bearer(self, header: bytes) -> Viewer:
        """The viewer of an Authorization header: `Bearer` and an API key or a JSON Web Token.

        Invalid credentials never count as none, since the client would wonder what is missing.

        Raises: UnauthenticatedError. AuthenticationUnavailableError.
        """
        text = _bearer_token(header)
        try:
            if text.startswith("ng_") or self.tokens is None:
                return self._cached_viewer(header) or self._viewer_of_key(text, header)
            return await self.tokens.verify(text)
        except TokenError as error:
            raise _invalid_credentials(f"the token is invalid: {error}") from None
        except (KeyFileError, JwksUnavailableError) as error:
            log.error("authentication_unavailable", reason=str(error))
            raise AuthenticationUnavailableError(
                "Credentials cannot be checked at present. Try again later."
            ) from None

    def _viewer_of_key(self, text: str, header: bytes) -> Viewer:
        """The viewer of an API key; adds it to the cache.

        Raises: UnauthenticatedError: the key is invalid. KeyFileError.
        """
        key = self.keys.find(text)
        if key is None:
            raise _invalid_credentials("the key is unknown, revoked or expired")
        viewer = Viewer(frozenset(key.scopes), name=key.name, id=key.identity)
        # The header may have any number of spaces, so one key could have any number of entries.
        if len(header) <= MAX_CACHED_BYTES:
            self._add_to_cache(header, key, viewer)
        return viewer

    def _add_to_cache(self, header: bytes, key: ApiKey, viewer: Viewer) -> None:
        if self.keys.entries is not self._cached_entries or len(self._cache) >= MAX_CACHED_KEYS:
            self._cached_entries = self.keys.entries
            self._cache.clear()
        self._cache[header] = key, viewer


def _bearer_token(header: bytes) -> str:
    """The bearer token in an Authorization header. Raises: UnauthenticatedError."""
    matched = _BEARER.fullmatch(header)
    if matched is None:
        raise _invalid_credentials("the Authorization header is not of the form Bearer KEY")
    return matched[1].decode()


def authorization_header(scope: Scope) -> bytes | None:
    """The Authorization header of a request; None if it is absent or empty.

    Apps send an empty one when nobody is logged in.

    Raises: UnauthenticatedError: it has several.
    """
    fields = scope["headers"]
    values = [value for name, value in fields if name == b"authorization" and value.strip()]
    if len(values) > 1:
        raise _invalid_credentials("there are several Authorization headers; send one")
    return values[0] if values else None


def build_authenticator(settings: Settings) -> Authenticator:
    """The authenticator of the settings. Raises: KeyFileError: any user may write the key file."""
    tokens = None
    if settings.jwks is not None:
        # Cryptography takes long to load, and most servers need none.
        from .tokens import JwksClient, TokenVerifier  # noqa: PLC0415  # see above

        issuer, audience = settings.jwt_issuer or "", settings.jwt_audience or ""  # both are set
        tokens = TokenVerifier(JwksClient(settings.jwks), issuer, audience)
    file = KeyFile(settings.keys_path)
    _check_key_file(file)
    keys = KeyRing(file)
    return Authenticator(keys, tokens, allows_anonymous=settings.anonymous, preview=settings.drafts)


def _check_key_file(file: KeyFile) -> None:
    """Log an error if the key file cannot be read, and a warning if other users can read it.

    Raises: KeyFileError: any user may write it.
    """
    mode = file.exposed_mode()
    if mode is None:
        try:
            file.read()
        except KeyFileError as error:
            log.error("authentication_unavailable", reason=str(error))
    else:
        file.read()
        log.warning(
            "key_file_permissions",
            file=str(file.path),
            reason=f"Other users can read or write the key file: its mode is {mode:04o}.",
            remedy=file.chmod_command,
        )


def _invalid_credentials(reason: str) -> UnauthenticatedError:
    challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{reason}"'
    return UnauthenticatedError(f"Authentication failed: {reason}.", headers=_challenge(challenge))


def _challenge(text: str) -> Headers:
    return ((b"www-authenticate", text.encode()),)
