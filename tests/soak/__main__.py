"""Soak test: resource usage, errors and lost writes of servers under mixed load.

`python -m tests.soak --minutes 30 [--seed 1] [--svg FILE] [--json FILE]`

Two servers share a store and watch a folder. One is restarted again and again, by SIGTERM and
SIGKILL, with one worker and two; the other runs all the time. Seven kinds of readers, writers,
subscribers, a document editor and broken clients use both; the load leaves a machine with two cores
half idle. An error is a wrong response, or a connection that ends while its server was not
restarted; also a repeated event or a GAP. An acknowledged write or a hand edit is lost if it is
missing in the end, or if a subscriber missed its event. Memory has reached a plateau if a line
through the second half of the samples of the permanent server rises by at most 5 % of the mean, or
by 8 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.soak.chart import draw_chart
from tests.soak.run import SoakOptions, SoakReport, run


def _summary(report: SoakReport) -> str:
    lines = [f"{count:>9,} {what}" for what, count in report.counts.items()]
    lines += [f"error: {message}" for message in report.errors]
    lines += [f"lost: {message}" for message in report.lost]
    memory = report.memory
    lines.append(
        f"{report.error_count} errors, {len(report.lost)} lost, memory "
        f"{'reached a plateau' if memory.is_reached else 'GREW'}: {memory.growth_mb:+,.1f} MB over "
        f"the second half, mean {memory.mean_mb:,.0f} MB"
    )
    return "\n".join(lines)


def main() -> int:
    """Run, and print a summary; 1 if there were errors, losses or growing memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--restart-every", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--sample-every", type=float, default=5, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, help="an empty folder to work in, which is kept")
    parser.add_argument("--svg", type=Path, help="draw the samples into this file")
    parser.add_argument("--json", type=Path, help="also write all to this file")
    given = parser.parse_args()
    options = SoakOptions(
        given.minutes * 60, given.articles, given.restart_every, given.sample_every, given.seed
    )
    with tempfile.TemporaryDirectory() as work:
        place = given.place or Path(work)
        report = run(place, options, lambda message: print(message, file=sys.stderr))
    if given.svg:
        given.svg.write_text(draw_chart(report.samples, report.restarts), encoding="utf-8")
    if given.json:
        given.json.write_bytes(msgspec.json.encode(report))
    print(_summary(report))
    return int(bool(report.error_count or report.lost) or not report.memory.is_reached)


if __name__ == "__main__":
    sys.exit(main())
