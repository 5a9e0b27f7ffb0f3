"""The tables of measurements, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.abuse.measure import Measurement

HEAD = (
    f"{'request':<58} {'size':>9} {'answer':<34} {'CPU ms':>9} {'most':>9} {'x plain':>8} "
    f"{'hold':>8} {'p50':>6} {'p99':>8} {'longest':>8} {'RSS MB':>12} {'sent':>10} "
    f"{'answer':>10} {'log':>8}  misses"
)


def format_line(row: Measurement, plain_ms: float) -> str:
    """A measurement as a line of the table."""
    rss = f"{row.rss_before:,.0f}-{row.rss_after:,.0f}"
    return (
        f"{row.name:<58.58} {row.size:>9,} {row.code:<34.34} {row.cpu:>9,.1f} "
        f"{row.cpu_most:>9,.1f} {row.cpu / plain_ms:>8,.0f} {row.hold:>8,.1f} {row.p50:>6,.1f} "
        f"{row.p99:>8,.1f} {row.longest:>8,.1f} {rss:>12} {row.sent:>10,} {row.received:>10,} "
        f"{row.logged:>8,}  {' '.join(row.misses())}"
    ).rstrip()


def markdown(rows: Sequence[Measurement]) -> str:
    """A Markdown table of the most expensive accepted and refused attack of each group."""
    lines = [
        "| what is sent | most expensive | sent | CPU ms | CPU µs a byte | longest hold | answer |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for group in dict.fromkeys(row.group for row in rows):
        for is_refused in (False, True):
            some = [row for row in rows if (row.group, row.is_refused) == (group, is_refused)]
            if some:
                row = max(some, key=lambda row: row.cpu)
                a_byte = f"{row.cpu * 1e3 / row.sent:,.1f}" if row.sent else ""
                size, hold = f"{row.name}: {row.size:,}", f"{row.hold:,.0f} ms"
                lines.append(
                    f"| {group}, {'refused' if is_refused else 'accepted'} | {size} "
                    f"| {row.sent:,} B | {row.cpu:,.1f} | {a_byte} | {hold} "
                    f"| {row.code} |"
                )
    return "\n".join(lines)


def summary(rows: Sequence[Measurement]) -> str:
    """The number of measurements that meet all goals."""
    missed = [row for row in rows if row.misses()]
    return f"{len(rows) - len(missed)} of {len(rows)} meet all goals, {len(missed)} do not."
