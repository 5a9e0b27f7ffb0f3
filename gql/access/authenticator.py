"""Who a request is from, by its Authorization header.

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

from .key_file import ApiKey, KeyFile, KeyFileError, KeyRing
from .token_errors import KeysUnavailableError, TokenError

if TYPE_CHECKING:
    from .tokens import TokenVerifier

MAX_REMEMBERED, MAX_REMEMBERED_BYTES = 1_024, 128
"""How many credentials are remembered, and how long one may be; an API key takes 67 bytes."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]{1,8192}=*)", re.IGNORECASE)
_CHALLENGE = 'Bearer realm="newsgraph"'

log = structlog.get_logger(__name__)


class Authenticator:
    """Makes viewers of credentials: API keys, and tokens where there is an issuer.

    Attributes:
        keys: The API keys.
        tokens: Checks JSON Web Tokens; None: every credential is a key.
        anonymous: Whether requests without credentials are served, as the public's.
        preview: Whether requests without credentials from this machine see everything.
    """

    def __init__(
        self,
        keys: KeyRing,
        tokens: TokenVerifier | None = None,
        *,
        anonymous: bool = True,
        preview: bool = False,
    ) -> None:
        self.keys = keys
        self.tokens = tokens
        self.anonymous = anonymous
        self.preview = preview
        self._entries = keys.entries  # those for which the next line holds
        self._viewers: dict[bytes, tuple[ApiKey, Viewer]] = {}

    async def viewer(self, scope: Scope) -> Viewer:
        """Who sent a request. Raises: UnauthenticatedError. AuthenticationUnavailableError."""
        credentials = credentials_in(scope)
        if credentials is None:
            return self.anonymous_viewer(scope)
        return await self.bearer(credentials)

    def viewer_sync(self, credentials: bytes | None, scope: Scope) -> Viewer | None:
        """The viewer of a request that has no credentials, or has a key that was checked before.

        None: the request needs a check, or is refused.
        """
        try:
            if credentials is None:
                return self.anonymous_viewer(scope)
            return self._checked_before(credentials)
        except (UnauthenticatedError, KeyFileError):
            return None

    def _checked_before(self, credentials: bytes) -> Viewer | None:
        """The viewer whose key was found good since the file of keys was read, and still is."""
        found = self._viewers.get(credentials)
        if found is None:
            return None
        self.keys.refresh()
        if self.keys.entries is not self._entries:
            self._viewers.clear()
            return None
        key, viewer = found
        return viewer if key.expires is None or key.is_valid(datetime.now(UTC)) else None

    def anonymous_viewer(self, scope: Scope) -> Viewer:
        """The viewer without credentials. Raises: UnauthenticatedError: they are needed."""
        if self.preview and is_local(scope):
            return PREVIEW
        if not self.anonymous:
            raise UnauthenticatedError(
                "This server answers nobody without a key. Send one as Authorization: Bearer KEY.",
                headers=_challenge(_CHALLENGE),
            )
        return PUBLIC

    async def bearer(self, credentials: bytes) -> Viewer:
        """Who has these credentials, an Authorization header's value: `Bearer` and a key or token.

        A credential that is not good is never taken for none: its sender would wonder what is
        missing. Raises: UnauthenticatedError. AuthenticationUnavailableError.
        """
        text = _bearer(credentials)
        try:
            if text.startswith("ng_") or self.tokens is None:
                return self._checked_before(credentials) or self._key_viewer(text, credentials)
            return await self.tokens.viewer(text)
        except TokenError as error:
            raise _refused(f"the token cannot be trusted: {error}") from None
        except (KeyFileError, KeysUnavailableError) as error:
            log.error("authentication_unavailable", reason=str(error))
            raise AuthenticationUnavailableError(
                "Credentials cannot be checked at present. Try again later."
            ) from None

    def _key_viewer(self, text: str, credentials: bytes) -> Viewer:
        """The viewer that holds an API key, remembered by the header's value for the next time.

        Raises: UnauthenticatedError: nobody. KeyFileError.
        """
        key = self.keys.find(text)
        if key is None:
            raise _refused("the key is not known, has been revoked or has expired")
        viewer = Viewer(frozenset(key.scopes), name=key.name, id=key.identity)
        # A key may be written with any number of spaces before it, so that there is no end of them.
        if len(credentials) <= MAX_REMEMBERED_BYTES:
            self._remember(credentials, key, viewer)
        return viewer

    def _remember(self, credentials: bytes, key: ApiKey, viewer: Viewer) -> None:
        if self.keys.entries is not self._entries or len(self._viewers) >= MAX_REMEMBERED:
            self._entries = self.keys.entries
            self._viewers.clear()
        self._viewers[credentials] = key, viewer


def _bearer(credentials: bytes) -> str:
    """The key or token in an Authorization header. Raises: UnauthenticatedError."""
    matched = _BEARER.fullmatch(credentials)
    if matched is None:
        raise _refused("the Authorization header is not of the form Bearer KEY")
    return matched[1].decode()


def credentials_in(scope: Scope) -> bytes | None:
    """A request's Authorization header. Raises: UnauthenticatedError: there are several."""
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) > 1:
        raise _refused("there are several Authorization headers; send one")
    return found[0] if found else None


def authenticator(settings: Settings) -> Authenticator:
    """Who is let in, as the settings say."""
    tokens = None
    if settings.jwks is not None:
        # Cryptography takes long to load, and most servers need none.
        from .tokens import IssuerKeys, TokenVerifier  # noqa: PLC0415

        issuer, audience = settings.jwt_issuer or "", settings.jwt_audience or ""  # both are set
        tokens = TokenVerifier(IssuerKeys(settings.jwks), issuer, audience)
    file = KeyFile(settings.keys_path)
    _warn_of_exposure(file)
    keys = KeyRing(file)
    return Authenticator(keys, tokens, anonymous=settings.anonymous, preview=settings.drafts)


def _warn_of_exposure(file: KeyFile) -> None:
    """Say at the start who else may read the keys. Raises: KeyFileError: anybody may write them."""
    mode = file.exposed_mode()
    if mode is not None:
        file.read()
        log.warning(
            "keys_exposed",
            file=str(file.path),
            reason=f"Other users may read or write it: its mode is {mode:04o}.",
            remedy=f"chmod 600 {file.path}",
        )


def _refused(reason: str) -> UnauthenticatedError:
    challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{reason}"'
    return UnauthenticatedError(f"Not let in: {reason}.", headers=_challenge(challenge))


def _challenge(text: str) -> Headers:
    return ((b"www-authenticate", text.encode()),)
