"""A short soak, and how a long one is judged and drawn."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.soak import Plan, run
from tests.soak.picture import picture
from tests.soak.samples import Sample, Use, plateau


def test_soak_loses_nothing_and_has_no_errors(tmp_path):
    """Some seconds of everything at once, with a restart: nothing is wrong, and all took part."""
    account = run(tmp_path, Plan(12, 100, restart_every_s=3, sample_every_s=1, seed=1), print)
    assert (account.errors, account.lost) == ([], [])
    assert account.restarts
    for what in ("plain", "304", "gzip", "page", "story", "by lot", "other pages", "write"):
        assert account.counts[what], what
    for what in ("edit by hand", "event, WebSocket", "event, event stream"):
        assert account.counts[what], what
    assert all(use.rss_mb for use in account.samples[0].uses.values())
    drawn = ET.fromstring(picture(account.samples, account.restarts))  # noqa: S314  # ours
    assert drawn.tag.endswith("svg")


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
    """What grows while a server gets warm does not count; what grows after that does."""
    samples = [Sample(at, {"s": Use(rss)}, 1, 1, 0) for at, rss in enumerate(memory)]
    assert plateau(samples, "s").is_reached is is_reached
