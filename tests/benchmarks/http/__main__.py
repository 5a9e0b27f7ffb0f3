"""The command of the HTTP benchmark: `python -m tests.benchmarks.http`."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory

from gql.settings import Settings
from tests.benchmarks.http import generated, variants
from tests.benchmarks.http.data import Data, make_data
from tests.benchmarks.http.measure import (
    BenchmarkPlan,
    Workloads,
    make_inputs,
    measure_cold,
    measure_warm,
)
from tests.benchmarks.http.operations import generate
from tests.benchmarks.http.queries import BODIES, QUERIES, BenchmarkQuery, Workload
from tests.benchmarks.http.report import as_json, describe, markdown, print_table, rows
from tests.benchmarks.http.response_check import DisagreementError
from tests.benchmarks.http.servers import (
    CEILING,
    COMMANDS,
    NEWSGRAPH,
    PEER,
    ServerInputs,
    Variant,
    install_peer,
)

_TOOLS = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; 1 if something fails."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended
    options = _parser().parse_args(arguments)
    try:
        _measure(options)
    except (DisagreementError, RuntimeError, ValueError, SubprocessError) as error:
        _print_progress(f"error: {error}")
        return 1
    return 0


def _measure(options: argparse.Namespace) -> None:
    _check_options(options)
    _check_tools()
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="newsgraph-benchmark-")))
        folder = options.data or work
        folder.mkdir(parents=True, exist_ok=True)
        _print_progress(f"making {options.articles:,} articles, or taking those in {folder}")
        began_s = time.monotonic()
        compared = options.settings or options.writer
        for_peer = not compared and PEER in (options.servers or PEER)
        data = make_data(folder, options.articles, for_peer=for_peer)
        _print_progress(f"articles ready after {time.monotonic() - began_s:.1f} s")
        if options.generated:
            _measure_generated(options, data, work)
        else:
            _measure_queries(options, data, work)


def _measure_queries(options: argparse.Namespace, data: Data, work: Path) -> None:
    """Measure Q1 to Q4."""
    queries = [QUERIES[name] for name in _chosen(options.only, QUERIES, "query")]
    workloads = {q.name: Workload(q, data.articles, data.cursors).rotating() for q in queries}
    variants = _variants(options, data, work, [query.text for query in queries])
    plan = _plan(options, queries, variants)
    inputs = make_inputs(data, work, dict(options.set), variants)
    if variants:
        _compare(options, plan, workloads, inputs)
        return
    _install(plan)
    if options.cold:
        runs = measure_cold(plan, inputs, _print_progress)
    else:
        runs = measure_warm(plan, workloads, inputs, _print_progress)
    all_rows, facts = rows(plan, runs), describe(plan, options.articles, cold=options.cold)
    if options.markdown:
        print(markdown(all_rows, facts, cold=options.cold))
    else:
        print_table(all_rows, facts, cold=options.cold)
    _write_json(options, as_json(all_rows, facts))


def _measure_generated(options: argparse.Namespace, data: Data, work: Path) -> None:
    """Measure random operations."""
    _print_progress(f"drawing {options.generated} operations")
    drawn = generate(
        data.articles,
        data.cursors,
        options.generated,
        seed=options.seed,
        values=options.values,
    )
    by_name = {operation.name: operation for operation in drawn}
    operations = [by_name[name] for name in _chosen(options.only, by_name, "operation")]
    workloads = {operation.name: operation.bodies for operation in operations}
    variants = _variants(options, data, work)
    plan = _plan(options, [generated.as_query(each) for each in operations], variants)
    inputs = make_inputs(data, work, dict(options.set), variants)
    if variants:
        _compare(options, plan, workloads, inputs)
        return
    _install(plan)
    runs = measure_warm(plan, workloads, inputs, _print_progress)
    found = generated.results(operations, runs)
    facts = [*describe(plan, options.articles, cold=False), _command_line()]
    generated.print_results(found, facts)
    _write_json(options, generated.as_json(found, facts))


def _compare(
    options: argparse.Namespace, plan: BenchmarkPlan, workloads: Workloads, inputs: ServerInputs
) -> None:
    """Measure variants of newsgraph beside the plain one."""
    runs = measure_warm(plan, workloads, inputs, _print_progress)
    goal = variants.WRITER_GOAL if options.writer else variants.SETTINGS_GOAL
    facts = [*describe(plan, options.articles, cold=False), _command_line()]
    variants.print_ratios(plan, runs, facts, goal)
    _write_json(options, variants.as_json(plan, runs, facts, goal))


def _variants(
    options: argparse.Namespace, data: Data, work: Path, texts: Sequence[str] = ()
) -> Mapping[str, Variant]:
    """The variants that the options compare with a plain newsgraph."""
    if options.settings:
        return variants.with_settings(work, texts)
    return variants.with_writer(work, data, options.writer) if options.writer else {}


def _plan(
    options: argparse.Namespace, queries: Sequence[BenchmarkQuery], variants: Mapping[str, Variant]
) -> BenchmarkPlan:
    """The options as a plan. Raises: ValueError: an unknown name, or no servers left."""
    servers = _servers(options, variants)
    rounds, seconds = (2, 2) if options.generated else (5, 6)
    return BenchmarkPlan(
        queries,
        servers,
        options.rounds or rounds,
        options.seconds or seconds,
        options.connections,
        options.warm_up or (10 if options.generated or variants else 0),
        may_skip=bool(options.generated),
    )


def _servers(options: argparse.Namespace, variants: Mapping[str, Variant]) -> list[str]:
    """The names of the servers to measure. Raises: ValueError: an unknown name, or none left."""
    if variants:
        return [NEWSGRAPH, *variants]
    servers = _chosen(options.servers, COMMANDS, "server")
    if options.generated:
        wanted = options.servers or (CEILING, NEWSGRAPH, PEER)
        servers = [name for name in servers if name in wanted]
        if NEWSGRAPH not in servers:
            raise ValueError("Generated operations are there for newsgraph; name it, too.")
        # The first server says what is right, and newsgraph takes everything.
        servers.sort(key=lambda name: name != NEWSGRAPH)
    if options.cold:
        servers = [name for name in servers if name != CEILING]  # it has nothing to render
    if set(servers) <= {CEILING}:
        raise ValueError("Name a server that executes queries, besides the ceiling.")
    return servers


def _check_options(options: argparse.Namespace) -> None:
    """Check the combination of options. Raises: ValueError."""
    modes_chosen = [options.cold, options.settings, bool(options.writer)]
    if sum(modes_chosen) > 1:
        raise ValueError("Choose one of --cold, --settings and --writer.")
    if options.generated and (options.cold or options.markdown):
        raise ValueError("--cold and --markdown are for Q1 to Q4.")


def _install(plan: BenchmarkPlan) -> None:
    if PEER in plan.servers:
        install_peer()


def _write_json(options: argparse.Namespace, found: object) -> None:
    if options.json:
        text = json.dumps(found, indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _command_line() -> str:
    return "Options: " + shlex.join(sys.argv[1:])


def _chosen(text: str, known: Iterable[str], what: str) -> list[str]:
    """The names in a comma-separated list. Raises: ValueError: an unknown name."""
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


def _setting(text: str) -> tuple[str, str]:
    """A setting and its value. Raises: ArgumentTypeError: there is no such setting."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or name not in Settings.model_fields:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE of a setting of newsgraph")
    return name, value


def _check_tools() -> None:
    """Check that all programs are installed. Raises: RuntimeError."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            raise RuntimeError(f"{tool} is missing. Install the package {package}.")


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.http",
        description="Requests a second of newsgraph over HTTP, beside other servers.",
    )
    add = parser.add_argument
    add("--rounds", type=_positive, help="how often everything is measured (5; generated: 2)")
    add("--seconds", type=_positive, help="length of a measured run (6; generated: 2)")
    add(
        "--warm-up",
        type=_positive,
        metavar="SECONDS",
        help="longest warm-up of a run (generated and compared: 10)",
    )
    add("--connections", type=_positive, default=32, help="how many at once (32)")
    add("--articles", type=_positive, default=10_000, help="how many are served (10,000)")
    add("--only", default="", metavar="Q1,Q2", help="only these queries or operations")
    add("--servers", default="", metavar="A,B", help=f"only these of {', '.join(COMMANDS)}")
    add("--cold", action="store_true", help="measure documents that were never rendered before")
    add("--generated", type=_positive, metavar="N", help="measure N random operations")
    add("--seed", type=int, default=7, help="of the draw: another seed, other operations (7)")
    add("--values", type=_positive, default=BODIES, help="bodies of each operation (4,000)")
    add("--settings", action="store_true", help="compare with CORS, a rate limit, a key, hashes")
    add("--writer", type=_positive, metavar="N", help="compare with N durable writes a second")
    add(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of newsgraph, such as fragment_cache_bytes=1048576",
    )
    add("--markdown", action="store_true", help="print the table as Markdown")
    add("--json", type=Path, metavar="FILE", help="write every run there, too")
    add("--data", type=Path, metavar="DIR", help="keep the articles there for the next time")
    return parser


if __name__ == "__main__":
    sys.exit(main())
