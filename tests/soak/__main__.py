"""Servers under mixed load for a long time: what they use, what fails and what is lost.

`python -m tests.soak --minutes 30 [--seed 1] [--svg FILE] [--json FILE]`

Two newsgraphs serve one store and follow one folder. One of them is restarted again and again, by
SIGTERM and SIGKILL, with one worker and two; the other runs all the time. Readers of seven kinds,
writers, subscribers, a person who edits documents, and broken clients use both, at rates that
leave a machine with two cores half idle. An error is an answer that is not right, or a connection
that ends while its server was not restarted. Lost is an acknowledged write or an edit that is not
there in the end, or an acknowledged write of which a subscriber has not heard; an event that comes
twice is an error, and so is a GAP. Memory has reached a plateau where a line through the second
half of the samples of the server that was not restarted rises by no more than 5 % of the mean, or
8 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.soak.picture import picture
from tests.soak.run import Account, Plan, run


def _told(account: Account) -> str:
    lines = [f"{count:>9,} {what}" for what, count in account.counts.items()]
    lines += [f"error: {said}" for said in account.errors]
    lines += [f"lost: {said}" for said in account.lost]
    memory = account.memory
    lines.append(
        f"{account.error_count} errors, {len(account.lost)} lost, memory "
        f"{'reached a plateau' if memory.is_reached else 'GREW'}: {memory.growth_mb:+,.1f} MB over "
        f"the second half, mean {memory.mean_mb:,.0f} MB"
    )
    return "\n".join(lines)


def main() -> int:
    """Run, and tell what came of it. 1 where anything was wrong."""
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
    plan = Plan(
        given.minutes * 60, given.articles, given.restart_every, given.sample_every, given.seed
    )
    with tempfile.TemporaryDirectory() as work:
        place = given.place or Path(work)
        account = run(place, plan, lambda said: print(said, file=sys.stderr))
    if given.svg:
        given.svg.write_text(picture(account.samples, account.restarts), encoding="utf-8")
    if given.json:
        given.json.write_bytes(msgspec.json.encode(account))
    print(_told(account))
    return int(bool(account.error_count or account.lost) or not account.memory.is_reached)


if __name__ == "__main__":
    sys.exit(main())
