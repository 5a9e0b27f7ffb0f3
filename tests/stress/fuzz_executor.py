"""Compiled execution against the reference, on random sessions, for as long as wanted.

`python -m tests.stress.fuzz_executor --requests 100000 --seed N` prints how far it is and, at the
end, how many requests held which kind of thing; or the smallest session it can find in which the
two executors differ. `--session N` plays one session again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
import warnings
from collections.abc import Iterator

import structlog

from tests.support.differential import run_session
from tests.support.random_sessions import Session, random_session
from tests.support.request_coverage import Coverage
from tests.support.session_shrinker import shrink

SESSIONS_PER_SEED = 1_000_000
_PROGRESS_S = 10


def failure(session: Session) -> Exception | None:
    """How the two executors differ in a session; None if they do not."""
    try:
        asyncio.run(run_session(session))
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is what is looked for
        return error
    return None


def report(number: int) -> None:
    """Print what is wrong in a session, made as small as can be."""
    print(f"Session {number} differs; play it again with --session {number}.", flush=True)
    session = shrink(random_session(number), lambda each: failure(each) is not None)
    sliced = "sliced" if session.is_sliced else "not sliced"
    print(f"{session.engine}, {session.capacity_bytes} bytes, {session.turns} turns, {sliced}:")
    for step in session.steps:
        print(f"  {step}")
    print(repr(failure(session)))


def numbers(seed: int, requests: int, minutes: float, coverage: Coverage) -> Iterator[int]:
    """The sessions of a seed, until there were enough requests or the time is over."""
    start = shown = time.monotonic()
    for count in range(SESSIONS_PER_SEED):
        now, asked = time.monotonic(), coverage.requests[Coverage.TOTAL]
        if asked >= requests or now - start > minutes * 60:
            return
        if now - shown > _PROGRESS_S:
            shown = now
            print(f"{asked} requests, {count} sessions, {now - start:.0f} s", flush=True)
        yield seed * SESSIONS_PER_SEED + count


def main() -> int:
    """Play sessions; 1 if one fails, 2 if a kind of request was never made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3_000, help="how many to make")
    parser.add_argument("--minutes", type=float, default=600, help="how long at the most")
    parser.add_argument("--seed", type=int, default=1, help="which sessions to play")
    parser.add_argument("--session", type=int, help="play this one session only")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # After an error graphql-core lets go of coroutines, of which Python would tell each.
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    coverage, only = Coverage(), given.session
    several = numbers(given.seed, given.requests, given.minutes, coverage)
    for number in several if only is None else [only]:
        try:
            coverage.add(asyncio.run(run_session(random_session(number))))
        except Exception:  # noqa: BLE001  # see above
            report(number)
            return 1
    print(coverage.table())
    missing = coverage.missing() if only is None else []
    if missing:
        print(f"Never made without errors: {', '.join(missing)}.")
    return 2 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
