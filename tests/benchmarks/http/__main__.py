"""The command: `python -m tests.benchmarks.http`."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory

from .agreement import DisagreementError
from .data import make_data
from .measure import Plan, measure_cold, measure_warm
from .queries import QUERIES
from .report import as_json, describe, markdown, print_table, rows
from .servers import CEILING, COMMANDS, PEER, install_peer

_TOOLS = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line asks; 1 where something fails."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended
    options = _parser().parse_args(arguments)
    try:
        _measure(options, _plan(options))
    except (DisagreementError, RuntimeError, ValueError, SubprocessError) as error:
        _tell(f"error: {error}")
        return 1
    return 0


def _measure(options: argparse.Namespace, plan: Plan) -> None:
    _check_tools()
    if PEER in plan.servers:
        install_peer()
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="newsgraph-benchmark-")))
        folder = options.data or work
        folder.mkdir(parents=True, exist_ok=True)
        _tell(f"making {options.articles:,} articles, or taking those in {folder}")
        data = make_data(folder, options.articles)
        measure = measure_cold if options.cold else measure_warm
        runs = measure(plan, data, work, _tell)
    all_rows, facts = rows(plan, runs), describe(plan, options.articles, cold=options.cold)
    if options.markdown:
        print(markdown(all_rows, facts, cold=options.cold))
    else:
        print_table(all_rows, facts, cold=options.cold)
    if options.json:
        text = json.dumps(as_json(all_rows, facts), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _plan(options: argparse.Namespace) -> Plan:
    """The options as a plan. Raises: ValueError: a name that there is not, or no servers left."""
    servers = _chosen(options.servers, COMMANDS, "server")
    if options.cold:
        servers = [name for name in servers if name != CEILING]  # it has nothing to render
    if set(servers) <= {CEILING}:
        raise ValueError("Name a server that executes queries, besides the ceiling.")
    queries = [QUERIES[name] for name in _chosen(options.only, QUERIES, "query")]
    return Plan(queries, servers, options.rounds, options.seconds, options.connections)


def _chosen(text: str, known: Iterable[str], what: str) -> list[str]:
    """The names in a comma-separated list. Raises: ValueError: one is not known."""
    names = list(known)
    chosen = [name.strip() for name in text.split(",")] if text else names
    for name in chosen:
        if name not in names:
            raise ValueError(f"There is no {what} {name!r}; there are {', '.join(names)}.")
    return chosen


def _positive(text: str) -> int:
    """A whole number from 1. Raises: ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _check_tools() -> None:
    """Raise RuntimeError where a program is missing."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            raise RuntimeError(f"{tool} is missing. Install the package {package}.")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.http",
        description="Requests a second of newsgraph over HTTP, beside other servers.",
    )
    add = parser.add_argument
    add("--rounds", type=_positive, default=5, help="how often everything is measured (5)")
    add("--seconds", type=_positive, default=6, help="length of a measured run, after warm-up (6)")
    add("--connections", type=_positive, default=32, help="how many at once (32)")
    add("--articles", type=_positive, default=10_000, help="how many are served (10,000)")
    add("--only", default="", metavar="Q1,Q2", help="only these queries")
    add("--servers", default="", metavar="A,B", help=f"only these of {', '.join(COMMANDS)}")
    add("--cold", action="store_true", help="measure documents that were never rendered before")
    add("--markdown", action="store_true", help="print the table as Markdown")
    add("--json", type=Path, metavar="FILE", help="write every run there, too")
    add("--data", type=Path, metavar="DIR", help="keep the articles there for the next time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
