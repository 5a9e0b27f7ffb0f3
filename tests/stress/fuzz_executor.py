"""Differential fuzzing: compiled execution against graphql-core, on random sessions.

`python -m tests.stress.fuzz_executor --requests 100000 --seed N` prints its progress and, at the
end, how many requests covered each feature; or a shrunk session in which the two executors differ.
`--session N` runs one session again.
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
    """The error of a session in which the executors differ; None if they agree."""
    try:
        asyncio.run(run_session(session))
    except Exception as error:  # noqa: BLE001  # any error is a finding
        return error
    return None


def report(number: int) -> None:
    """Print a shrunk failing session."""
    print(f"Session {number} differs; run it again with --session {number}.", flush=True)
    session = shrink(random_session(number), lambda each: failure(each) is not None)
    sliced = "sliced" if session.is_sliced else "not sliced"
    print(f"{session.engine}, {session.capacity_bytes} bytes, {session.turns} turns, {sliced}:")
    for step in session.steps:
        print(f"  {step}")
    print(repr(failure(session)))


def numbers(seed: int, requests: int, minutes: float, coverage: Coverage) -> Iterator[int]:
    """The numbers of a seed's sessions, up to the limits of requests and minutes."""
    start = shown = time.monotonic()
    for count in range(SESSIONS_PER_SEED):
        now, requests_so_far = time.monotonic(), coverage.requests[Coverage.TOTAL]
        if requests_so_far >= requests or now - start > minutes * 60:
            return
        if now - shown > _PROGRESS_S:
            shown = now
            print(f"{requests_so_far} requests, {count} sessions, {now - start:.0f} s", flush=True)
        yield seed * SESSIONS_PER_SEED + count


def main() -> int:
    """Run sessions; 1 if one fails, 2 if a feature was never covered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3_000, help="the number of requests")
    parser.add_argument("--minutes", type=float, default=600, help="the time limit")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the sessions")
    parser.add_argument("--session", type=int, help="run only this session")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # After an error, graphql-core abandons coroutines; Python would warn of each.
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
        print(f"Never covered by a valid request: {', '.join(missing)}.")
    return 2 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
