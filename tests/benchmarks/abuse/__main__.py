"""The cost of the most expensive requests, for the server and for other clients.

`python -m tests.benchmarks.abuse [--data DIR] [--only WORD] [--search N] [--json FILE]`

Each attack gets a server of its own on this machine, with default settings and 10,000 articles. Its
requests are random, so that no response comes from a cache. If the full size is refused, the
largest accepted size is found and measured, too. While requests are sent in a loop on one
connection, a probe sends a small query in lock step. Columns:

- CPU ms, most: CPU time of the server for a request, the median and the maximum of 20;
- x plain: the same as a multiple of a plain query's;
- hold: the longest time for which the server blocked the probe and used the CPU, which is how long
  a request blocked the event loop. Time in which the machine ran other programs does not count;
- p50, p99, longest: the wait of the probe, in milliseconds of wall time;
- RSS MB: the resident set before and after (200 requests if there is time for them);
- log: bytes that the server logs for a request;
- misses: the missed goals: hold 50 ms; CPU 500 ms, 50 ms if refused; p99 100 ms; growth of the RSS
  16 MB if refused; log 16 kB, or the size of the request; and that the server still runs.

Count and time are limited (`--seconds`), and all requests go to 127.0.0.1.
"""

from __future__ import annotations

import argparse
import logging
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec

from tests.benchmarks.abuse.attack_client import AttackClient
from tests.benchmarks.abuse.attacks import ATTACKS, PLAIN
from tests.benchmarks.abuse.measure import Measurement, MeasureOptions, measure
from tests.benchmarks.abuse.random_search import operation_text, search
from tests.benchmarks.abuse.report import HEAD, format_line, markdown, summary
from tests.benchmarks.abuse.server import ROOT, generated_store, run_server


def _rows(options: MeasureOptions, only: str, searched: int) -> Iterator[Measurement]:
    yield from measure("plain", PLAIN, options)
    for group, attacks in ATTACKS.items():
        for attack in attacks:
            if only in f"{group} {attack.name}":
                yield from measure(group, attack, options)
    if searched:
        yield from _searched(options, searched)


def _searched(options: MeasureOptions, count: int) -> Iterator[Measurement]:
    with run_server(options.store, options.work, options.repo) as server:
        client = AttackClient(server.port, server.key)
        rng = Random(options.seed)
        try:
            found = search(server, client, rng, count, lambda said: print(said, file=sys.stderr))
        finally:
            client.close()
    for each in found:
        print(f"{each.attack().name}: {operation_text(each.seeds, rng)[:2_000]}", file=sys.stderr)
        yield from measure("search", each.attack(), options)


def main() -> int:
    """Measure, and print a table; 1 if a goal is missed."""
    description = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser("python -m tests.benchmarks.abuse", description=description)
    parser.add_argument("--data", type=Path, help="where to keep the articles for other runs")
    parser.add_argument("--articles", type=int, default=10_000, help="how many are served (10,000)")
    parser.add_argument("--repo", type=Path, default=ROOT, help="a checkout to measure")
    parser.add_argument("--only", default="", help="kinds with this in their group or name")
    parser.add_argument("--seconds", type=float, default=3, help="of each kind (3)")
    parser.add_argument("--attempts", type=int, default=200, help="of each kind at most (200)")
    parser.add_argument("--search", type=int, default=0, help="also try so many by lot")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn by lot (1)")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--markdown", type=Path, help="also write a table for docs/security.md")
    given = parser.parse_args()
    logging.getLogger("websockets").addHandler(logging.NullHandler())  # closed on purpose
    rows: list[Measurement] = []
    with tempfile.TemporaryDirectory() as work:
        store = generated_store((given.data or Path(work) / "data").resolve(), given.articles)
        options = MeasureOptions(
            store, Path(work), given.repo.resolve(), given.seconds, given.attempts, given.seed
        )
        print(f"{given.articles:,} articles, Python {platform.python_version()}\n{HEAD}")
        for row in _rows(options, given.only, given.search):
            rows.append(row)
            print(format_line(row, rows[0].cpu), flush=True)
            if given.json:
                given.json.write_bytes(msgspec.json.encode(rows))
    if len(rows) < 2:
        parser.error(f"no attack has {given.only!r} in its group or name")
    print(summary(rows))
    if given.markdown:
        given.markdown.write_text(markdown(rows[1:]) + "\n", encoding="utf-8")
    return int(any(row.misses() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
