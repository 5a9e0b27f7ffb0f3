"""A snapshot that tells what it was asked."""

from __future__ import annotations

from typing import Any

from store import Snapshot


class WatchedSnapshot:
    """A snapshot that remembers what it is asked: the names of its reads, and their arguments."""

    def __init__(self, inner: Snapshot) -> None:
        self._inner = inner
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)

        def watched(*arguments: Any) -> Any:
            self.calls.append((name, arguments[0]))
            return found(*arguments)

        return watched if callable(found) else found
