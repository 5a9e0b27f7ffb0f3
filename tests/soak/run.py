"""A run: servers and clients for some time, and the account at its end."""

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
from tests.soak.broken import Broken
from tests.soak.client import Actor, World
from tests.soak.ledger import Ledger, p99
from tests.soak.readers import READERS
from tests.soak.samples import Plateau, Sample, plateau, use_of
from tests.soak.servers import Server
from tests.soak.subscribers import SUBSCRIBERS
from tests.soak.writers import Editor, Writer

_JOIN_S = 90
_FAULT = re.compile(r"Traceback .*\n(?:[ \n].*\n?)*.*|.*(?:internal_error|INTERNAL).*")

Tell = Callable[[str], None]


class Plan(NamedTuple):
    """How to run.

    Attributes:
        seconds: How long.
        articles: How many are served.
        restart_every_s: How often one of the servers is restarted.
        sample_every_s: How often the servers are looked at.
        seed: What the clients are drawn by.
    """

    seconds: float
    articles: int
    restart_every_s: float
    sample_every_s: float
    seed: int


class Account(msgspec.Struct):
    """What came of a run.

    Attributes:
        counts: How often each thing was done.
        errors: What was not as it should be, in words.
        error_count: How much of that there was.
        lost: Acknowledged writes and edits that are not there, and events that did not come.
        samples: What the servers used.
        restarts: When one was restarted, from the beginning.
        memory: Whether the memory of the other one reached a plateau.
    """

    counts: dict[str, int]
    errors: list[str]
    error_count: int
    lost: list[str]
    samples: list[Sample]
    restarts: list[float]
    memory: Plateau


def run(place: Path, plan: Plan, tell: Tell) -> Account:
    """Run in an empty folder."""
    folder = place / "articles"
    write_corpus(folder, plan.articles)
    key, _ = KeyFile(place / "keys.json").add("soak", [Permission.WRITE])
    arguments = [str(folder), "--watch", "--store", str(place / "store.json")]
    arguments += ["--keys", str(place / "keys.json"), "--log-level", "warning"]
    steady = Server("steady", arguments, place, is_steady=True)
    restarted = Server("restarted", arguments, place, is_steady=False)
    world = World((steady, restarted), key, Ledger(), threading.Event(), threading.Event())
    try:
        tell(f"loading {plan.articles:,} articles")
        steady.start()
        restarted.start()
        return _run(world, folder, plan, tell)
    finally:
        world.ends.set()
        world.is_quiet.set()
        for server in world.servers:
            server.end(signal.SIGKILL)


def _run(world: World, folder: Path, plan: Plan, tell: Tell) -> Account:
    seed = plan.seed * 100
    servers = world.servers
    subscribers = [kind(world, seed, server) for server in servers for kind in SUBSCRIBERS]
    writers = [Writer(world, seed + number, server) for number, server in enumerate(servers)]
    editor = Editor(world, seed, servers[0], folder)
    actors: list[Actor] = [*subscribers, *writers, editor]
    actors += [kind(world, seed, server) for server in servers for kind in (*READERS, Broken)]
    for actor in actors:
        actor.start()
    began = time.monotonic()
    samples = _watch(world, plan, began, tell)
    world.ends.set()
    _join(world, (*writers, editor))
    world.is_quiet.set()
    _join(world, actors)
    lost = [said for each in writers for said in each.lost()] + editor.lost()
    lost += [said for each in subscribers for said in each.holes()]
    _stop(world)
    ledger = world.ledger
    return Account(
        counts=dict(sorted(ledger.counts.items())),
        errors=ledger.errors,
        error_count=ledger.error_count,
        lost=lost,
        samples=samples,
        restarts=[at - began for at in world.servers[1].restarts],
        memory=plateau(samples, world.servers[0].name),
    )


def _join(world: World, actors: Sequence[Actor]) -> None:
    for actor in actors:
        actor.join(_JOIN_S)
        if actor.is_alive():
            world.ledger.error(f"{actor.name} did not end")


def _watch(world: World, plan: Plan, began: float, tell: Tell) -> list[Sample]:
    """Sample the servers, and restart one of them now and then, in a thread of its own."""
    restarting = threading.Thread(target=_restart, args=(world, plan), daemon=True)
    restarting.start()
    samples: list[Sample] = []
    while time.monotonic() - began < plan.seconds:
        time.sleep(plan.sample_every_s)
        latencies = world.ledger.take_latencies()
        samples.append(
            Sample(
                at_s=round(time.monotonic() - began, 1),
                uses={server.name: use_of(server) for server in world.servers},
                p99_ms=round(p99(latencies) * 1e3, 1),
                requests=len(latencies),
                errors=world.ledger.error_count,
            )
        )
        tell(_progress(samples[-1], plan))
    world.ends.set()
    restarting.join(_JOIN_S)
    return samples


def _progress(sample: Sample, plan: Plan) -> str:
    uses = ", ".join(
        f"{name} {use.rss_mb:,.0f} MB {use.descriptors} files {use.threads} threads"
        for name, use in sample.uses.items()
    )
    return (
        f"{sample.at_s:,.0f} of {plan.seconds:,.0f} s: {uses}; {sample.requests:,} requests, "
        f"p99 {sample.p99_ms:,.1f} ms, {sample.errors} errors"
    )


def _restart(world: World, plan: Plan) -> None:
    """End a server in one way and the other, and start it with one worker or two."""
    server, rng = world.servers[1], Random(plan.seed)
    ways: Sequence[tuple[signal.Signals, int]] = [
        (how, workers) for how in (signal.SIGTERM, signal.SIGKILL) for workers in (2, 1)
    ]
    number = rng.randrange(len(ways))
    while not world.ends.wait(plan.restart_every_s):
        how, workers = ways[number % len(ways)]
        number += 1
        world.ledger.count(f"restart, {how.name}, {workers} workers after it")
        try:
            if not server.restart(how, workers):
                world.ledger.error(f"{server.name} did not end by {how.name}")
        except RuntimeError as error:
            world.ledger.error(str(error))
            return


def _stop(world: World) -> None:
    """End the servers, which must do so in time, and look for faults in what they logged."""
    for server in world.servers:
        if not server.end(signal.SIGTERM):
            world.ledger.error(f"{server.name} did not end by SIGTERM")
        said = server.log.read_text(encoding="utf-8", errors="replace")
        for fault in _FAULT.findall(said):
            world.ledger.error(f"{server.name} logged: … {fault[-400:]}")
