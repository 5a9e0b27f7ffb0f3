"""Restarts under load lose no request."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.conftest import SEEDS
from tests.stress.restarts import count_requests_during_restarts
from tests.support.server_process import run_newsgraph

PROTOCOL = Subprotocol("graphql-transport-ws")


@pytest.mark.parametrize("workers", [1, 2])
def test_restart_loses_no_request(workers: int) -> None:
    """Who keeps a connection is told that it ends; who has just connected is answered."""
    counts = count_requests_during_restarts(2, workers)
    assert (counts.lost, counts.lost_first) == (0, 0)
    assert counts.closed


def test_websockets_close_with_going_away_at_a_stop(tmp_path: Path) -> None:
    """Those that have said who they are, and those that have not."""
    shutil.copytree(SEEDS, tmp_path / "news")
    with run_newsgraph("news", folder=tmp_path) as server, ExitStack() as stack:
        url = server.url.replace("http", "ws") + "/graphql"
        sockets = [stack.enter_context(connect(url, subprotocols=[PROTOCOL])) for _ in range(2)]
        sockets[0].send('{"type": "connection_init"}')
        sockets[0].recv()
        server.process.terminate()
        codes = []
        for each in sockets:
            with pytest.raises(ConnectionClosed) as end:
                each.recv(timeout=20)
            codes.append(end.value.rcvd and end.value.rcvd.code)
    assert codes == [1001, 1001]
