"""The Prometheus metrics: each request counted once, with a bounded number of labels."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from gql.access import KeyFile
from gql.composition.app import App, create_app
from gql.identity.viewer import Permission
from gql.settings import Settings, load_settings
from gql.telemetry.metrics import MAX_OPERATIONS
from store import Batch, MemoryRepository
from store.documents.diagnostics import DiagnosticCode, warning
from tests.support.factories import article, put_articles

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@functools.cache
def scraper(keys: Path) -> dict[str, str]:
    """The headers of a scraper with a key for editorial metrics."""
    text, _ = KeyFile(keys).add("scraper", [Permission.READ_DRAFTS])
    return {"authorization": f"Bearer {text}"}


def samples(client: TestClient, headers: dict[str, str] | None = None) -> Samples:
    """All samples of the metrics by name and labels; reading them fails if they are malformed.

    `headers`: those of a scraper, where the server has read its keys already.
    """
    app = cast("App", client.app)
    response = client.get("/metrics", headers=headers or scraper(app.settings.keys_path))
    assert response.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(client: TestClient, name: str, **labels: str) -> float | None:
    """The value of one sample; None if it does not exist."""
    return samples(client).get((name, tuple(sorted(labels.items()))))


def ask(client: TestClient, query: str) -> None:
    """Send a query."""
    client.post("/graphql", json={"query": query})


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    """Settings with a store file that does not exist."""
    return load_settings({"store": tmp_path / "store.json"})


@pytest.fixture
def repository() -> MemoryRepository:
    """A store that holds one article and one draft."""
    made = MemoryRepository()
    put_articles(made, article("tide"), article("draft", published=False))
    return made


@pytest.fixture
def client(chosen: Settings, repository: MemoryRepository) -> Iterator[TestClient]:
    """A client of the application over that store."""
    with TestClient(create_app(chosen, repository)) as made:
        yield made


def test_metrics_count_requests_by_method_route_and_status(client: TestClient) -> None:
    """The route is the template of the path, never the path itself."""
    client.get("/healthz")
    client.get("/topics/no-such-topic/feed.xml")
    ask(client, "{ articles { totalCount } }")
    name = "newsgraph_http_requests_total"
    assert value(client, name, method="GET", route="/healthz", status="200") == 1
    assert value(client, name, method="GET", route="/topics/{key}/feed.xml", status="404") == 1
    assert value(client, name, method="POST", route="/graphql", status="200") == 1


def test_unknown_paths_and_methods_share_a_label(client: TestClient) -> None:
    """So clients cannot make up labels."""
    before = len(samples(client))
    for n in range(20):
        client.get(f"/no/such/{n}")
        client.request(f"BREW{n}", "/coffee")
    name = "newsgraph_http_requests_total"
    assert value(client, name, method="GET", route="other", status="404") == 20
    assert value(client, name, method="other", route="other", status="404") == 20
    assert len(samples(client)) - before < 60


def test_number_of_operation_labels_is_bounded(client: TestClient) -> None:
    """The first names have their own label, all later ones `other`; no name is `anonymous`."""
    ask(client, "{ articles { totalCount } }")
    for n in range(MAX_OPERATIONS + 9):
        ask(client, f"query Made{n} {{ articles {{ totalCount }} }}")
    ask(client, "query Made0 { articles { totalCount } }")
    name = "newsgraph_graphql_operations_total"
    assert value(client, name, operation="anonymous") == 1
    assert value(client, name, operation="Made0") == 2
    assert value(client, name, operation="other") == 10


def test_anonymous_clients_do_not_use_up_the_labels_of_authenticated_ones(
    client: TestClient, chosen: Settings
) -> None:
    """Names of clients with a key have labels of their own."""
    text, _ = KeyFile(chosen.keys_path).add("reader", [Permission.READ_SECURED])
    headers = scraper(chosen.keys_path)
    for n in range(2 * MAX_OPERATIONS):
        ask(client, f"query Made{n} {{ articles {{ totalCount }} }}")
    for n in range(MAX_OPERATIONS + 9):
        body = {"query": f"query Ours{n} {{ articles {{ totalCount }} }}"}
        client.post("/graphql", json=body, headers={"authorization": f"Bearer {text}"})
    ask(client, "query Ours1 { articles { totalCount } }")
    name = "newsgraph_graphql_operations_total"
    found = samples(client, headers)
    assert found[name, (("operation", "Ours1"),)] == 2
    told = {dict(labels)["operation"] for sample, labels in found if sample == name}
    assert len(told) <= 2 * MAX_OPERATIONS + 1
    assert f"Ours{MAX_OPERATIONS - 1}" in told


def test_metrics_count_errors_by_code(client: TestClient) -> None:
    """The label is the code of the error."""
    ask(client, "{ nonsense }")
    assert value(client, "newsgraph_graphql_errors_total", code="GRAPHQL_VALIDATION_FAILED") == 1


def test_metrics_measure_durations_and_bytes(client: TestClient) -> None:
    """Each request counts in the histogram of its route, and its body in the bytes."""
    size = len(client.get("/healthz").content) + len(client.get("/healthz").content)
    name = "newsgraph_http_request_duration_seconds"
    assert value(client, f"{name}_count", route="/healthz") == 2
    assert value(client, f"{name}_bucket", route="/healthz", le="+Inf") == 2
    assert value(client, "newsgraph_http_response_bytes_total", route="/healthz") == size


def test_metrics_have_size_hits_and_misses_of_each_cache(
    client: TestClient, chosen: Settings
) -> None:
    """A request is cached at its second use, and hit at its third; its document at its second.

    What caches hold grows with what editors read, so the public learns none of it.
    """
    for _ in range(3):
        ask(client, "{ articles { nodes { title } } }")
    assert "newsgraph_cache" not in client.get("/metrics").text
    key, _ = KeyFile(chosen.keys_path).add("prometheus", [Permission.READ_DRAFTS])
    client.headers["authorization"] = f"Bearer {key}"
    for cache in ("requests", "documents", "responses"):
        held = value(client, "newsgraph_cache_bytes", cache=cache)
        room = value(client, "newsgraph_cache_capacity_bytes", cache=cache)
        assert 0 < (held or 0) < (room or 0)
        assert value(client, "newsgraph_cache_entries", cache=cache) == 1
        assert value(client, "newsgraph_cache_evictions_total", cache=cache) == 0
    assert value(client, "newsgraph_cache_hits_total", cache="requests") == 1
    assert value(client, "newsgraph_cache_misses_total", cache="requests") == 2
    assert value(client, "newsgraph_cache_hits_total", cache="responses") == 2


def test_metrics_of_the_store_are_for_viewers_of_drafts(
    client: TestClient, repository: MemoryRepository, chosen: Settings
) -> None:
    """The revision, diagnostics by severity, the size of the file if there is one."""
    problem = warning("a.md", DiagnosticCode.BAD_URL, "No.")
    asyncio.run(repository.apply(Batch(diagnostics=(problem,))))
    ask(client, "query Mine { articles { totalCount } }")
    told = client.get("/metrics").text
    for name in (
        "newsgraph_store_revision",
        "newsgraph_diagnostics",
        "newsgraph_store_bytes",
        "newsgraph_graphql_",
        "newsgraph_load_",
        "newsgraph_subscription_events",
        "newsgraph_cache_",
        "Mine",
    ):
        assert name not in told
    key, _ = KeyFile(chosen.keys_path).add("prometheus", [Permission.READ_DRAFTS])
    client.headers["authorization"] = f"Bearer {key}"
    assert value(client, "newsgraph_articles") == 1
    assert value(client, "newsgraph_store_revision") == 2
    assert value(client, "newsgraph_diagnostics", severity="warning") == 1
    assert value(client, "newsgraph_diagnostics", severity="error") == 0
    assert value(client, "newsgraph_store_bytes") is None
    chosen.store_path.write_text("12345")
    assert value(client, "newsgraph_store_bytes") == 5


def test_metrics_for_anonymous_clients_count_published_articles(client: TestClient) -> None:
    """Not drafts."""
    assert value(client, "newsgraph_articles") == 1
    assert value(client, "newsgraph_providers") == 1


def test_two_applications_have_metrics_of_their_own(
    client: TestClient, chosen: Settings, repository: MemoryRepository
) -> None:
    """No registry is global."""
    client.get("/healthz")
    with TestClient(create_app(chosen, repository)) as other:
        assert (
            value(other, "newsgraph_http_request_duration_seconds_count", route="/healthz") is None
        )


def test_metrics_have_the_openmetrics_format_on_request(client: TestClient) -> None:
    """The media type is negotiated as Prometheus does it."""
    accept = "application/openmetrics-text; version=1.0.0"
    response = client.get("/metrics", headers={"accept": accept})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


WORKER = """
import asyncio, json, sys
from gql.telemetry.metrics import Metrics
from store import MemoryRepository

async def main():
    metrics = Metrics()
    metrics.count_request("GET", "/healthz", 200, 3, 0, 0.001, None, {})
    snapshot = await MemoryRepository().snapshot()
    print((await metrics.exposition("", snapshot, None))[0].decode())

asyncio.run(main())
"""


def test_metrics_of_several_processes_are_summed(tmp_path: Path) -> None:
    """With `PROMETHEUS_MULTIPROC_DIR` each worker returns the sums of all."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for count in (1, 2, 3):
        text = subprocess.run(
            [sys.executable, "-c", WORKER],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        [total] = [line for line in text.splitlines() if line.startswith("newsgraph_http_requests")]
        assert float(total.split()[-1]) == count
