"""A run of the soak test: servers, clients and the report."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from gql.access import KeyFile
from gql.identity.viewer import Permission
from tests.benchmarks.corpus import write_corpus
from tests.soak.broken_client import BrokenClient
from tests.soak.load_client import LoadClient, SoakContext
from tests.soak.readers import READERS
from tests.soak.recorder import Recorder, p99
from tests.soak.resource_samples import Plateau, Sample, measure_usage, plateau
from tests.soak.servers import RestartableServer
from tests.soak.subscribers import SUBSCRIBERS
from tests.soak.writers import DocumentEditor, Writer

_JOIN_S = 90
_FAULT = re.compile(r"Traceback .*\n(?:[ \n].*\n?)*.*|.*(?:internal_error|INTERNAL).*")

Progress = Callable[[str], None]


class SoakOptions(NamedTuple):
    """The options of a run.

    Attributes:
        seconds: The duration.
        articles: The number of articles.
        restart_every_s: The time between restarts.
        sample_every_s: The time between samples.
        seed: The seed of the clients.
    """

    seconds: float
    articles: int
    restart_every_s: float
    sample_every_s: float
    seed: int


class SoakReport(msgspec.Struct):
    """The results of a run.

    Attributes:
        counts: The number of actions by kind.
        errors: The first error messages.
        error_count: The number of errors.
        lost: Lost writes, edits and events, in words.
        samples: The samples.
        restarts: The times of the restarts since the start.
        memory: The plateau of the permanent server's memory.
    """

    counts: dict[str, int]
    errors: list[str]
    error_count: int
    lost: list[str]
    samples: list[Sample]
    restarts: list[float]
    memory: Plateau


def run(place: Path, options: SoakOptions, progress: Progress) -> SoakReport:
    """Run the soak test in an empty folder."""
    folder = place / "articles"
    write_corpus(folder, options.articles)
    key, _ = KeyFile(place / "keys.json").add("soak", [Permission.WRITE])
    arguments = [str(folder), "--watch", "--store", str(place / "store.json")]
    arguments += ["--keys", str(place / "keys.json"), "--log-level", "warning"]
    permanent = RestartableServer("permanent", arguments, place, is_permanent=True)
    restarted = RestartableServer("restarted", arguments, place, is_permanent=False)
    context = SoakContext(
        (permanent, restarted), key, Recorder(), threading.Event(), threading.Event()
    )
    try:
        progress(f"loading {options.articles:,} articles")
        permanent.start()
        restarted.start()
        return _run(context, folder, options, progress)
    finally:
        context.stop.set()
        context.writes_ended.set()
        for server in context.servers:
            server.end(signal.SIGKILL)


def _run(
    context: SoakContext, folder: Path, options: SoakOptions, progress: Progress
) -> SoakReport:
    seed = options.seed * 100
    servers = context.servers
    subscribers = [kind(context, seed, server) for server in servers for kind in SUBSCRIBERS]
    writers = [Writer(context, seed + number, server) for number, server in enumerate(servers)]
    editor = DocumentEditor(context, seed, servers[0], folder)
    clients: list[LoadClient] = [*subscribers, *writers, editor]
    clients += [
        kind(context, seed, server) for server in servers for kind in (*READERS, BrokenClient)
    ]
    for client in clients:
        client.start()
    began = time.monotonic()
    samples = _sample(context, options, began, progress)
    context.stop.set()
    _join(context, (*writers, editor))
    context.writes_ended.set()
    _join(context, clients)
    lost = [message for each in writers for message in each.lost()] + editor.lost()
    lost += [message for each in subscribers for message in each.missed_writes()]
    _stop_servers(context)
    recorder = context.recorder
    return SoakReport(
        counts=dict(sorted(recorder.counts.items())),
        errors=recorder.errors,
        error_count=recorder.error_count,
        lost=lost,
        samples=samples,
        restarts=[at - began for at in context.servers[1].restarts],
        memory=plateau(samples, context.servers[0].name),
    )


def _join(context: SoakContext, clients: Sequence[LoadClient]) -> None:
    for client in clients:
        client.join(_JOIN_S)
        if client.is_alive():
            context.recorder.record_error(f"{client.name} did not end")


def _sample(
    context: SoakContext, options: SoakOptions, began: float, progress: Progress
) -> list[Sample]:
    """Sample the servers, and restart one of them at intervals, in a thread."""
    restarting = threading.Thread(target=_restart, args=(context, options), daemon=True)
    restarting.start()
    samples: list[Sample] = []
    while time.monotonic() - began < options.seconds:
        time.sleep(options.sample_every_s)
        latencies = context.recorder.take_latencies()
        samples.append(
            Sample(
                at_s=round(time.monotonic() - began, 1),
                usages={server.name: measure_usage(server) for server in context.servers},
                p99_ms=round(p99(latencies) * 1e3, 1),
                requests=len(latencies),
                errors=context.recorder.error_count,
            )
        )
        progress(_progress(samples[-1], options))
    context.stop.set()
    restarting.join(_JOIN_S)
    return samples


def _progress(sample: Sample, options: SoakOptions) -> str:
    usages = ", ".join(
        f"{name} {usage.rss_mb:,.0f} MB {usage.descriptors} files {usage.threads} threads"
        for name, usage in sample.usages.items()
    )
    return (
        f"{sample.at_s:,.0f} of {options.seconds:,.0f} s: {usages}; {sample.requests:,} requests, "
        f"p99 {sample.p99_ms:,.1f} ms, {sample.errors} errors"
    )


def _restart(context: SoakContext, options: SoakOptions) -> None:
    """Restart a server by each signal in turn, with one worker or two."""
    server, rng = context.servers[1], Random(options.seed)
    endings: Sequence[tuple[signal.Signals, int]] = [
        (how, workers) for how in (signal.SIGTERM, signal.SIGKILL) for workers in (2, 1)
    ]
    number = rng.randrange(len(endings))
    while not context.stop.wait(options.restart_every_s):
        how, workers = endings[number % len(endings)]
        number += 1
        context.recorder.count(f"restart, {how.name}, {workers} workers after it")
        try:
            if not server.restart(how, workers):
                context.recorder.record_error(f"{server.name} did not end by {how.name}")
        except RuntimeError as error:
            context.recorder.record_error(str(error))
            return


def _stop_servers(context: SoakContext) -> None:
    """Stop the servers in time, and search their logs for errors."""
    for server in context.servers:
        if not server.end(signal.SIGTERM):
            context.recorder.record_error(f"{server.name} did not end by SIGTERM")
        message = server.log.read_text(encoding="utf-8", errors="replace")
        for fault in _FAULT.findall(message):
            context.recorder.record_error(f"{server.name} logged: … {fault[-400:]}")
