"""API keys: made, listed and revoked in a file of which they can be checked, but not read.

A key is `ng_<id>_<secret>`. The id is public and finds the entry; the secret is 256 random bits. Of
the key only a hash is stored, and a fast one is right: slow hashes are there to make guessing of
passwords dear, and nobody guesses 256 bits at any price.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import Literal

import msgspec

from gql.identity.viewer import Permission
from gql.settings import SettingsError
from store.errors import system_remedy
from store.filesystem.atomic_file import FileSignature, file_signature, replace_file
from store.filesystem.file_lock import locked

CHECK_INTERVAL_S = 1.0
"""How long a revoked key may still work in a running server, in seconds."""

_KEY = re.compile(r"ng_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_HINT_LENGTH = 4
_WIDEST_MODE = 0o640  # a group may be given the right to read: that of the server's user
_IDENTITY_DIGITS = 32  # of the hash: the id alone can be given to another key by who edits the file


class KeyFileError(SettingsError):
    """The key file cannot be used, or not in this way; the message says why and what to do."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is stored. `digest`: the key's hash, in hex; `hint`: its last characters."""

    id: str
    name: str
    scopes: tuple[Permission, ...]
    digest: str
    hint: str
    created: datetime
    expires: datetime | None = None

    @property
    def identity(self) -> str:
        """What tells this key from every other, also from a later one of the same name."""
        return f"key:{self.id}:{self.digest[:_IDENTITY_DIGITS]}"

    def is_valid(self, now: datetime) -> bool:
        """Whether it has not expired yet."""
        return self.expires is None or now < self.expires


class _Content(msgspec.Struct, frozen=True):
    keys: tuple[ApiKey, ...] = ()
    version: Literal[1] = 1


class KeyFile:
    """The keys in one file, which may not be there yet. Replaced whole, readable by its owner.

    It keeps its owner, and its place where a link leads to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[ApiKey, ...]:
        """All keys, expired ones too. Raises: KeyFileError."""
        try:
            with self.path.open("rb") as file:
                self._refuse_writers(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
                return msgspec.json.decode(file.read(), type=_Content).keys
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KeyFileError(
                f"{self.path} is no file of keys ({error}). Mend it, or remove it and make new "
                "keys."
            ) from None

    def add(
        self, name: str, scopes: Collection[Permission], expires: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Make a key; return its text, which is stored nowhere, and its entry.

        Raises: KeyFileError: the name cannot be used or is taken; the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise KeyFileError(
                f"{name!r} is no name for a key: use up to 64 letters, digits, '.', '_' and '-', "
                "beginning with a letter or a digit."
            )
        text = f"ng_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=text.split("_")[1],
            name=name,
            scopes=tuple(sorted(set(scopes))),
            digest=_digest(text),
            hint=text[-_HINT_LENGTH:],
            created=datetime.now(UTC).replace(microsecond=0),
            expires=expires,
        )
        with self._changing() as keys:
            if any(other.name == name for other in keys):
                raise KeyFileError(
                    f"There is a key named {name} already. Choose another name, or revoke it: "
                    f"newsgraph keys revoke {name}"
                )
            keys.append(key)
        return text, key

    def revoke(self, name: str) -> None:
        """Remove a key. Raises: KeyFileError: there is none of this name."""
        with self._changing() as keys:
            left = [key for key in keys if key.name != name]
            if len(left) == len(keys):
                names = ", ".join(key.name for key in keys) or "none"
                raise KeyFileError(f"There is no key named {name} in {self.path}. It has: {names}.")
            keys[:] = left

    def exposed_mode(self) -> int | None:
        """The file's mode where others than its owner and group may read it; None where not.

        Nor may the group write. Raises: KeyFileError.
        """
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from None
        return mode if mode & ~_WIDEST_MODE & 0o777 else None

    def close_to_others(self) -> int | None:
        """Take from others the right to read it; return the mode before, None where it was right.

        Raises: KeyFileError: it belongs to another user.
        """
        mode = self.exposed_mode()
        if mode is None:
            return None
        self._refuse_writers(mode)
        try:
            self.path.chmod(mode & _WIDEST_MODE)
        except OSError as error:
            raise KeyFileError(
                f"Other users may read the keys {self.path} (mode {mode:04o}), and their mode "
                f"cannot be changed: {error.strerror}. Have its owner run: chmod 600 {self.path}"
            ) from None
        return mode

    def _refuse_writers(self, mode: int) -> None:
        """Raise KeyFileError where anybody may write the file: a key in it proves nothing."""
        if mode & stat.S_IWOTH:
            raise KeyFileError(
                f"Anybody may write the keys {self.path} (mode {mode:04o}), so that they prove "
                f"nothing. Look through them, then run: chmod 600 {self.path}"
            )

    @contextmanager
    def _changing(self) -> Iterator[list[ApiKey]]:
        """The keys, as the only writer; what is made of them is written."""
        try:
            path = self.path.resolve()
            with locked(path):
                keys = list(self.read())
                yield keys
                content = msgspec.json.encode(_Content(tuple(keys)))
                replace_file(path, [msgspec.json.format(content, indent=2), b"\n"])
        except OSError as error:
            raise KeyFileError(
                f"Cannot write the keys {self.path}: {error.strerror or error}. "
                + system_remedy(
                    error, "Choose a file that can be written, with --keys (NEWSGRAPH_KEYS)."
                )
            ) from None

    def _unreadable(self, error: OSError) -> KeyFileError:
        remedy = system_remedy(error, "Give the user that runs newsgraph the right to read it.")
        return KeyFileError(f"Cannot read the keys {self.path}: {error.strerror}. {remedy}")


class KeyRing:
    """The keys that a running server knows, read again soon after their file has changed.

    Attributes:
        entries: All keys by id: another object whenever the file has been read again.
    """

    def __init__(self, file: KeyFile) -> None:
        self.entries: Mapping[str, ApiKey] = {}
        self._file = file
        self._state: FileSignature | None = None
        self._look_at = 0.0

    def find(self, text: str) -> ApiKey | None:
        """The entry of a key that is known and has not expired. Raises: KeyFileError."""
        matched = _KEY.fullmatch(text)
        if matched is None:
            return None
        self.refresh()
        key = self.entries.get(matched[1])
        # The id only finds the entry and is no secret; the time of this tells nothing of the rest.
        if key is None or not compare_digest(key.digest, _digest(text)):
            return None
        return key if key.is_valid(datetime.now(UTC)) else None

    def refresh(self) -> None:
        """Read the file if it has changed since the last look, of which there is one a second.

        Raises: KeyFileError.
        """
        now = time.monotonic()
        if now < self._look_at:
            return
        try:
            state = file_signature(self._file.path)
        except OSError as error:
            raise KeyFileError(f"Cannot read the keys: {error.strerror}.") from None
        if state != self._state:
            self.entries = {key.id: key for key in self._file.read()}
            self._state = state
        self._look_at = now + CHECK_INTERVAL_S


def expiry(text: str, now: datetime) -> datetime:
    """The moment that `90d` or `2027-01-01` (UTC) means. Raises: KeyFileError: none to come."""
    try:
        if days := _DAYS.fullmatch(text):
            return (now + timedelta(days=int(days[1]))).replace(microsecond=0)
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        raise KeyFileError(
            f"{text!r} is no time to expire: write a number of days such as 90d, or a date such "
            "as 2027-01-01."
        ) from None
    if moment <= now:
        raise KeyFileError(f"{text} is over; a key that expires then would never work.")
    return moment


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=32, person=b"newsgraph key").hexdigest()
