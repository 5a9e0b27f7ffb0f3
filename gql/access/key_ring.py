"""The key ring: the API keys in the memory of a server, reloaded when their file changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hmac import compare_digest

from store.filesystem.atomic_file import FileSignature, file_signature

from .key_file import KEY_PATTERN, ApiKey, KeyFile, KeyFileError, key_digest

CHECK_INTERVAL_S = 1.0
"""The time between two checks of the file, so how long a revoked key may still work, in seconds."""


class KeyRing:
    """The API keys of a running server.

    Attributes:
        entries: All keys by id: a new mapping after each reload.
    """

    def __init__(self, file: KeyFile) -> None:
        self.entries: Mapping[str, ApiKey] = {}
        self._file = file
        self._signature: FileSignature | None = None
        self._next_check_at = 0.0

    def find(self, text: str) -> ApiKey | None:
        """The entry of a key; None if it is unknown or has expired. Raises: KeyFileError."""
        matched = KEY_PATTERN.fullmatch(text)
        if matched is None:
            return None
        self.refresh()
        key = self.entries.get(matched[1])
        # The id is no secret, so the time of its look-up may show; that of the digest must not.
        if key is None or not compare_digest(key.digest, key_digest(text)):
            return None
        return key if key.is_valid(datetime.now(UTC)) else None

    def refresh(self) -> None:
        """Reload the file if it has changed; it is checked once a second. Raises: KeyFileError."""
        now = time.monotonic()
        if now < self._next_check_at:
            return
        try:
            signature = file_signature(self._file.path)
        except OSError as error:
            raise KeyFileError(f"Cannot read the key file: {error.strerror}.") from None
        if signature != self._signature:
            self.entries = {key.id: key for key in self._file.read()}
            self._signature = signature
        self._next_check_at = now + CHECK_INTERVAL_S
