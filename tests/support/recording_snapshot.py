"""A snapshot that records its reads."""

from __future__ import annotations

from typing import Any

from store import Snapshot


class RecordingSnapshot:
    """A snapshot that records each call of a method.

    Attributes:
        calls: The name and the first argument of each call.
    """

    def __init__(self, inner: Snapshot) -> None:
        self._inner = inner
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)

        def recorded(*arguments: Any) -> Any:
            self.calls.append((name, arguments[0]))
            return attribute(*arguments)

        return recorded if callable(attribute) else attribute
