"""The key file: API keys with their scopes, stored as hashes.

A key is `ng_<id>_<secret>`. The id is public and finds the entry; the secret is 256 random bits.
The hash is a fast one: slow hashes protect passwords, which can be guessed; 256 bits cannot.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from gql.identity.viewer import Permission
from gql.settings import SettingsError
from store.errors import system_remedy
from store.filesystem.atomic_file import replace_file
from store.filesystem.file_lock import locked

KEY_PATTERN = re.compile(r"ng_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
"""An API key; the group is its id."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAYS = re.compile(r"([1-9][0-9]{0,4})d")
_HINT_LENGTH = 4
_MAX_MODE = 0o640  # the group of the server may read
_IDENTITY_DIGITS = 32  # of the hash, since an edited file may give the id to another key


class KeyFileError(SettingsError):
    """The key file cannot be read or written, or a change of it is invalid."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the key file.

    Attributes:
        id: The public part of the key.
        name: The name of the key, unique in its file.
        scopes: The permissions that it grants.
        digest: The hash of the whole key, in hex.
        hint: The last characters of the key.
        created: When it was made.
        expires: When it expires; None: never.
    """

    id: str
    name: str
    scopes: tuple[Permission, ...]
    digest: str
    hint: str
    created: datetime
    expires: datetime | None = None

    @property
    def identity(self) -> str:
        """The id of the key for viewers and clients: never reused, unlike its name."""
        return f"key:{self.id}:{self.digest[:_IDENTITY_DIGITS]}"

    def is_valid(self, now: datetime) -> bool:
        """Whether the key has not expired."""
        return self.expires is None or now < self.expires


class _KeyFileContent(msgspec.Struct, frozen=True):
    keys: tuple[ApiKey, ...] = ()
    version: Literal[1] = 1


class KeyFile:
    """A key file, which may not exist yet. Each change replaces it atomically.

    It keeps its owner and mode. A new one gets mode 0600 and, where root makes it, the owner of its
    folder, so that a server under that user can read it. Symbolic links are followed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def option(self) -> str:
        """The command-line option that names this file, for commands in messages."""
        return f"--keys {shlex.quote(str(self.path))}"

    @property
    def chmod_command(self) -> str:
        """The shell command that makes the file private to its owner."""
        return f"chmod 600 {shlex.quote(str(self.path))}"

    def read(self) -> tuple[ApiKey, ...]:
        """All keys, expired ones too. Raises: KeyFileError."""
        try:
            with self.path.open("rb") as file:
                self._check_not_world_writable(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
                return msgspec.json.decode(file.read(), type=_KeyFileContent).keys
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._read_error(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KeyFileError(
                f"{self.path} is not a key file ({error}). Repair it, or delete it and make new "
                "keys."
            ) from None

    def add(
        self, name: str, scopes: Collection[Permission], expires: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Make a key; return its text, which is not stored, and its entry.

        Raises: KeyFileError: the name is invalid or in use; the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise KeyFileError(
                f"{name!r} is not a valid name of a key: use up to 64 letters, digits, '.', '_' "
                "and '-', beginning with a letter or a digit."
            )
        text = f"ng_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=text.split("_")[1],
            name=name,
            scopes=tuple(sorted(set(scopes))),
            digest=key_digest(text),
            hint=text[-_HINT_LENGTH:],
            created=datetime.now(UTC).replace(microsecond=0),
            expires=expires,
        )
        with self._update() as keys:
            if any(other.name == name for other in keys):
                raise KeyFileError(
                    f"There is a key named {name} already. Choose another name, or revoke it: "
                    f"newsgraph keys revoke {name} {self.option}"
                )
            keys.append(key)
        return text, key

    def revoke(self, name: str) -> None:
        """Delete a key. Raises: KeyFileError: no key has this name."""
        with self._update() as keys:
            remaining = [key for key in keys if key.name != name]
            if len(remaining) == len(keys):
                names = ", ".join(key.name for key in keys) or "none"
                raise KeyFileError(f"There is no key named {name} in {self.path}. It has: {names}.")
            keys[:] = remaining

    def exposed_mode(self) -> int | None:
        """The mode of the file if it grants more than 0640; None if not, or without a file.

        Raises: KeyFileError.
        """
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._read_error(error) from None
        return mode if mode & ~_MAX_MODE & 0o777 else None

    def restrict_mode(self) -> int | None:
        """Restrict the mode of the file to 0640; return its former mode, None if unchanged.

        Raises: KeyFileError: the file belongs to another user.
        """
        mode = self.exposed_mode()
        if mode is None:
            return None
        self._check_not_world_writable(mode)
        try:
            self.path.chmod(mode & _MAX_MODE)
        except OSError as error:
            raise KeyFileError(
                f"Other users may read the key file {self.path} (mode {mode:04o}), and its mode "
                f"cannot be changed: {error.strerror}. Its owner can run: {self.chmod_command}"
            ) from None
        return mode

    def _check_not_world_writable(self, mode: int) -> None:
        """Raise KeyFileError if any user may write the file, and so add keys of their own."""
        if mode & stat.S_IWOTH:
            raise KeyFileError(
                f"Any user may write the key file {self.path} (mode {mode:04o}), so its keys "
                f"cannot be trusted. Check them, then run: {self.chmod_command}"
            )

    @contextmanager
    def _update(self) -> Iterator[list[ApiKey]]:
        """Lock the file, yield its keys, and write them back as the block has changed them."""
        try:
            path = self.path.resolve()
            with locked(path) as lock:
                _give_to_owner_of(path.parent, lock)
                keys = list(self.read())
                yield keys
                content = msgspec.json.encode(_KeyFileContent(tuple(keys)))
                chunks = [msgspec.json.format(content, indent=2), b"\n"]
                replace_file(path, chunks, owner_like=path.parent)
        except OSError as error:
            raise KeyFileError(
                f"Cannot write the key file {self.path}: {error.strerror or error}. "
                + system_remedy(error, "Choose a writable file with --keys (NEWSGRAPH_KEYS).")
            ) from None

    def _read_error(self, error: OSError) -> KeyFileError:
        command = f"chown {os.geteuid()} {shlex.quote(str(self.path))}"
        remedy = system_remedy(error, f"Give it to the user that runs newsgraph: {command}")
        return KeyFileError(f"Cannot read the key file {self.path}: {error.strerror}. {remedy}")


def parse_expiry(text: str, now: datetime) -> datetime:
    """The time that `90d` or `2027-01-01` (UTC) means. Raises: KeyFileError: invalid, or past."""
    try:
        if days := _DAYS.fullmatch(text):
            return (now + timedelta(days=int(days[1]))).replace(microsecond=0)
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        raise KeyFileError(
            f"{text!r} is not a valid expiry: write a number of days such as 90d, or a date such "
            "as 2027-01-01."
        ) from None
    if moment <= now:
        raise KeyFileError(f"{text} is in the past; choose a later expiry.")
    return moment


def key_digest(text: str) -> str:
    """The hash of a key that the file stores, in hex."""
    return blake2b(text.encode(), digest_size=32, person=b"newsgraph key").hexdigest()


def _give_to_owner_of(folder: Path, handle: int) -> None:
    """Give a lock file that root has made to the owner of the folder, who has to lock it, too.

    Not a file with several links: it may be another one, linked there by that user.
    """
    status, owner = os.fstat(handle), folder.stat()
    if status.st_uid == os.geteuid() == 0 != owner.st_uid and status.st_nlink == 1:
        with suppress(OSError):  # root may not in every container
            os.fchown(handle, owner.st_uid, owner.st_gid)
