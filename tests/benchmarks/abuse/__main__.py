"""What the most expensive requests cost a server, and those who use it meanwhile: a table.

`python -m tests.benchmarks.abuse [--data DIR] [--only WORD] [--search N] [--json FILE]`

Each kind of request gets a newsgraph of its own on this machine, with default settings and 10,000
articles. Its requests are drawn by lot, so that no answer comes from a cache. Where one of the full
size is refused, the largest that is accepted is found and measured as well. While they are sent in
a loop on one connection, another client sends a small query in lock step. Columns:

- CPU ms, most: CPU time of the server for one request, the median and the most of 20;
- x plain: the same as a multiple of a plain query's;
- hold: the longest time for which the server let the other client wait while it did something
  else, which is how long a request held the event loop. Time in which the machine ran other
  programs is not in it;
- p50, p99, longest: how long the other client waited, in milliseconds, by the clock;
- RSS MB: the server's memory before and after (200 requests where there is time for them);
- log: bytes that the server logs for one request;
- misses: the goals that are not met: hold 50 ms; CPU 500 ms, 50 ms for what is refused; p99 100 ms;
  RSS of what is refused 16 MB more than before; log 16 kB, or what was sent; and that the server
  is still there.

All is bounded in count and time (`--seconds`), and goes to 127.0.0.1 only.
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

from tests.benchmarks.abuse.client import Client
from tests.benchmarks.abuse.kinds import KINDS, PLAIN
from tests.benchmarks.abuse.measure import Plan, Row, measure
from tests.benchmarks.abuse.report import HEAD, line, markdown, summary
from tests.benchmarks.abuse.search import search, text
from tests.benchmarks.abuse.server import ROOT, serving, store_of


def _rows(plan: Plan, only: str, searched: int) -> Iterator[Row]:
    yield from measure("plain", PLAIN, plan)
    for group, kinds in KINDS.items():
        for kind in kinds:
            if only in f"{group} {kind.name}":
                yield from measure(group, kind, plan)
    if searched:
        yield from _searched(plan, searched)


def _searched(plan: Plan, count: int) -> Iterator[Row]:
    with serving(plan.store, plan.work, plan.repo) as server:
        client = Client(server.port, server.key)
        rng = Random(plan.seed)
        try:
            found = search(server, client, rng, count, lambda said: print(said, file=sys.stderr))
        finally:
            client.close()
    for each in found:
        print(f"{each.kind().name}: {text(each.seeds, rng)[:2_000]}", file=sys.stderr)
        yield from measure("search", each.kind(), plan)


def main() -> int:
    """Measure and print a table. 1 where a goal is missed."""
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
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as work:
        store = store_of((given.data or Path(work) / "data").resolve(), given.articles)
        plan = Plan(
            store, Path(work), given.repo.resolve(), given.seconds, given.attempts, given.seed
        )
        print(f"{given.articles:,} articles, Python {platform.python_version()}\n{HEAD}")
        for row in _rows(plan, given.only, given.search):
            rows.append(row)
            print(line(row, rows[0].cpu), flush=True)
            if given.json:
                given.json.write_bytes(msgspec.json.encode(rows))
    if len(rows) < 2:
        parser.error(f"no kind of request has {given.only!r} in its group or name")
    print(summary(rows))
    if given.markdown:
        given.markdown.write_text(markdown(rows[1:]) + "\n", encoding="utf-8")
    return int(any(row.misses() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
