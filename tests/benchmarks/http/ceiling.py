"""The upper bound: an ASGI application that reads a request and returns static bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

READY_VARIABLE = "BENCHMARK_READY"


class StaticResponses:
    """Returns static bytes by path: /Q1 returns those of Q1.json."""

    def __init__(self, folder: Path) -> None:
        self._answers = {f"/{file.stem}": _answer(file.read_bytes()) for file in folder.iterdir()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the body to its end, then respond."""
        while (await receive()).get("more_body", False):
            pass
        start, body = self._answers[scope["path"]]
        await send(start)
        await send(body)


def _answer(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


def from_env() -> StaticResponses:
    """For uvicorn's --factory."""
    return StaticResponses(Path(os.environ[READY_VARIABLE]))
