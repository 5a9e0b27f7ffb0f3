"""A chart of the samples of a soak test (SVG)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tests.soak.resource_samples import Sample

_WIDTH, _PANEL, _GAP = 900, 130, 46
_LEFT, _RIGHT = 60, 20
_COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49")
_DIGITS = 5

Lines = Mapping[str, Sequence[float]]
"""The values of each line by its name."""


def draw_chart(samples: Sequence[Sample], restarts: Sequence[float]) -> str:
    """An SVG chart with a panel for each quantity over time; restarts are grey lines."""
    names = list(samples[0].usages)
    panels: dict[str, Lines] = {
        "memory, MB": {n: [s.usages[n].rss_mb for s in samples] for n in names},
        "99th percentile of answers, ms": {
            "at the server that runs all the time": [s.p99_ms for s in samples]
        },
        "open files": {n: [s.usages[n].descriptors for s in samples] for n in names},
        "threads": {n: [s.usages[n].threads for s in samples] for n in names},
        "errors": {"in all": [s.errors for s in samples]},
    }
    times = [sample.at_s for sample in samples]
    height = len(panels) * (_PANEL + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        '<g font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, lines) in enumerate(panels.items()):
        parts += _panel(title, lines, times, restarts, _GAP + number * (_PANEL + _GAP))
    parts.append("</g>\n</svg>")
    return "\n".join(parts) + "\n"


def _panel(
    title: str, lines: Lines, times: Sequence[float], restarts: Sequence[float], top: int
) -> list[str]:
    longest = max(times[-1], 1e-9)
    most = _round_up(max((value for line in lines.values() for value in line), default=0))
    bottom = top + _PANEL

    def x(at: float) -> float:
        return round(_LEFT + at / longest * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(value: float) -> float:
        return round(bottom - value / most * _PANEL, 1)

    parts = [f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for share in (0, 0.5, 1):
        level = y(most * share)
        parts.append(
            f'<path d="M{_LEFT} {level}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 6}" y="{level + 4}" text-anchor="end">{most * share:g}</text>'
        )
    parts += [
        f'<path d="M{x(at)} {top}V{bottom}" stroke="#bbb" stroke-dasharray="2 3"/>'
        for at in restarts
    ]
    for number, (name, values) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x(t)},{y(v)}" for t, v in zip(times, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(
            f'<text x="{_WIDTH - _RIGHT - 150 * (len(lines) - number - 1)}" y="{top - 8}" '
            f'text-anchor="end" fill="{colour}">{escape(name)}</text>'
        )
    minutes = longest / 60
    parts.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 16}" text-anchor="end">{minutes:.3g} min</text>'
    )
    return parts


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 …"""
    unit = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * unit:
                return step * unit
        unit *= 10
