"""Where locks do not work, one process writes: the one that an owner file names.

Only one can make the file. What a process left that has ended is taken over on its own machine; on
another, nobody can tell, and a person has to remove it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from store.errors import StoreUnavailableError


class OwnerFile:
    """The right to write to a store, for as long as the process keeps it."""

    def __init__(self, path: Path, file_system: str) -> None:
        self.file_system = file_system
        self._path = path.with_name(f"{path.name}.owner")
        self._me = f"{os.getpid()} {socket.gethostname()}\n"

    def claim(self) -> None:
        """Be the owner. Raises: StoreUnavailableError: another is. OSError."""
        while (owner := self._owner()) != self._me:
            if owner is None:
                self._make()
            elif self._has_ended(owner):
                self._path.unlink(missing_ok=True)
            else:
                pid, _, host = owner.strip().partition(" ")
                raise StoreUnavailableError(
                    f"Process {pid} on {host} writes to this store, and locks do not work on its "
                    f"file system ({self.file_system}), so nobody else may. Nothing was done. "
                    f"If it has ended, remove {self._path.name} beside the store."
                )

    def give_up(self) -> None:
        """Be the owner no more."""
        with contextlib.suppress(OSError):
            if self._owner() == self._me:
                self._path.unlink()

    def _owner(self) -> str | None:
        try:
            return self._path.read_text()
        except FileNotFoundError:
            return None

    def _make(self) -> None:
        with contextlib.suppress(FileExistsError), self._path.open("x") as file:
            file.write(self._me)

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
