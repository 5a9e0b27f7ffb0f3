"""Compiled execution against the reference, on made-up sessions, for as long as wanted.

`python -m tests.fuzz_executor --minutes 10 --seed N` prints how far it is, and the smallest session
it can find where the two ways differ. `--session N` plays one session again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections.abc import Iterator

import structlog

from .executor_sessions import Session, made_up_session, smaller
from .two_ways import Tally, play

SESSIONS_PER_SEED = 1_000_000
_PROGRESS_S = 10


def failure(session: Session) -> Exception | None:
    """How the two ways differ in a session; None if they do not."""
    try:
        asyncio.run(play(session))
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is what is looked for
        return error
    return None


def smallest(session: Session) -> Session:
    """A failing session from which nothing can be left out."""
    for candidate in smaller(session):
        if failure(candidate) is not None:
            return smallest(candidate)
    return session


def report(number: int) -> None:
    """Print what is wrong in a session, made as small as can be."""
    session = smallest(made_up_session(number))
    print(f"Session {number} differs; play it again with --session {number}.")
    print(f"{session.engine}, {session.capacity_bytes} bytes, {session.turns} turns:")
    for step in session.steps:
        print(f"  {step}")
    print(repr(failure(session)))


def numbers(seed: int, minutes: float) -> Iterator[int]:
    """The sessions of a seed, until the time is over; progress is printed."""
    start = shown = time.monotonic()
    for count in range(SESSIONS_PER_SEED):
        now = time.monotonic()
        if now - start > minutes * 60:
            return
        if now - shown > _PROGRESS_S:
            shown = now
            print(f"{count} sessions in {now - start:.0f} s", flush=True)
        yield seed * SESSIONS_PER_SEED + count


def main() -> int:
    """Play sessions; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="how long to go on")
    parser.add_argument("--seed", type=int, default=1, help="which sessions to play")
    parser.add_argument("--session", type=int, help="play this one session only")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tally = Tally()
    only = given.session
    for number in numbers(given.seed, given.minutes) if only is None else [only]:
        try:
            tally.add(asyncio.run(play(made_up_session(number))))
        except Exception:  # noqa: BLE001  # see above
            report(number)
            return 1
    print(
        f"{tally.asked} requests, {tally.valid} without errors, {tally.compiled} of them compiled"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
