"""The limit of open files at a start, and its remedy."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gql.server import connection_limits
from gql.server.connection_limits import FEW_CONNECTIONS, RESERVED_FILES, raise_file_limit

OPEN_FILES = 10


@pytest.mark.parametrize("limit", [16, 64, 80, 200, 1_024, 4_073, 4_074])
def test_limit_of_open_files_that_is_too_low_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: int
) -> None:
    """The limit that is needed; fewer connections only where enough are left to serve."""
    for number in range(OPEN_FILES):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(connection_limits, "FILES", tmp_path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with capture_logs() as logs:
        raise_file_limit(4_000)
    if limit >= 4_000 + OPEN_FILES + RESERVED_FILES:
        assert logs == []
        return
    [line] = logs
    available = max(1, limit - OPEN_FILES - RESERVED_FILES)
    assert (line["event"], line["available"]) == ("file_descriptor_limit", available)
    assert "ulimit -n 4074 " in line["remedy"]
    is_enough = available >= FEW_CONNECTIONS
    assert (f"NEWSGRAPH_MAX_CONNECTIONS) to {available}." in line["remedy"]) is is_enough
    assert ("max_connections" in line["remedy"]) is is_enough
