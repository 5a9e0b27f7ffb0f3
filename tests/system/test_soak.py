"""A short soak test, and the evaluation and chart of a long one."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.soak import SoakOptions, run
from tests.soak.chart import draw_chart
from tests.soak.resource_samples import ResourceUsage, Sample, plateau


def test_soak_loses_nothing_and_has_no_errors(tmp_path):
    """A few seconds of mixed load with a restart have no errors and no losses."""
    report = run(tmp_path, SoakOptions(12, 100, restart_every_s=3, sample_every_s=1, seed=1), print)
    assert (report.errors, report.lost) == ([], [])
    assert report.restarts
    for what in ("plain", "304", "gzip", "page", "story", "random operation", "web pages", "write"):
        assert report.counts[what], what
    for what in ("hand edit", "event, WebSocket", "event, event stream"):
        assert report.counts[what], what
    assert all(usage.rss_mb for usage in report.samples[0].usages.values())
    chart = ET.fromstring(draw_chart(report.samples, report.restarts))  # noqa: S314  # ours
    assert chart.tag.endswith("svg")


@pytest.mark.parametrize(
    ("memory", "is_reached"),
    [
        ([100 + at for at in range(60)], False),
        ([100 + at for at in range(30)] + [130] * 30, True),
        ([300 + at % 7 for at in range(60)], True),
        ([200] * 30 + [200 + at for at in range(30)], False),
    ],
    ids=["growing", "warm after the first half", "noise", "growing late"],
)
def test_soak_plateau_is_of_the_second_half(memory, is_reached):
    """Only growth in the second half counts against the plateau of memory."""
    samples = [Sample(at, {"s": ResourceUsage(rss)}, 1, 1, 0) for at, rss in enumerate(memory)]
    assert plateau(samples, "s").is_reached is is_reached
