"""The owner file: a lock without lock support, which names the only process that may write.

It is created exclusively. One that a process on the same machine left behind when it ended is taken
over. Of a process on another machine nobody can tell, so a person has to remove it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from store.errors import StoreUnavailableError


class OwnerFile:
    """The exclusive right of a process to write to a store.

    Attributes:
        file_system: The type of the file system, which has no locks.
    """

    def __init__(self, path: Path, file_system: str) -> None:
        """`path`: of the store's file."""
        self.file_system = file_system
        self._path = path.with_name(f"{path.name}.owner")
        self._process = f"{os.getpid()} {socket.gethostname()}\n"

    def claim(self) -> None:
        """Become the owner. Raises: StoreUnavailableError: another process is. OSError."""
        while (owner := self._read_owner()) != self._process:
            if owner is None:
                self._create()
            elif self._has_ended(owner):
                self._path.unlink(missing_ok=True)
            else:
                pid, _, host = owner.strip().partition(" ")
                raise StoreUnavailableError(
                    f"Process {pid} on {host} writes to this store, and locks do not work on its "
                    f"file system ({self.file_system}), so nobody else may. Nothing was done. "
                    f"If it has ended, remove {self._path.name} beside the store."
                )

    def release(self) -> None:
        """Remove the owner file, if it names this process."""
        with contextlib.suppress(OSError):
            if self._read_owner() == self._process:
                self._path.unlink()

    def _read_owner(self) -> str | None:
        try:
            return self._path.read_text()
        except FileNotFoundError:
            return None

    def _create(self) -> None:
        with contextlib.suppress(FileExistsError), self._path.open("x") as file:
            file.write(self._process)

    def _has_ended(self, owner: str) -> bool:
        pid, _, host = owner.strip().partition(" ")
        if host != socket.gethostname() or not pid.isdecimal():
            return False
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False
