"""Power cuts: after any of them the store opens with all acknowledged writes."""

from __future__ import annotations

import os
from unittest import mock

import pytest

from store import StoreError
from store.filesystem import atomic_file
from tests.stress.crash_states import CrashStateError, explore
from tests.support.sizes import scaled

STATES = scaled(25, long=60)
ENOUGH = 1_000


@pytest.mark.parametrize("seed", [1, 2])
def test_store_opens_in_every_state_that_a_power_cut_may_leave(tmp_path, seed):
    """It holds all acknowledged batches, and others whole or not at all, and can be written to."""
    seen = explore(STATES, seed, tmp_path)
    assert seen["in order"] + seen["in order, torn"] + seen["in no order"] == STATES


class WithoutFlushing:
    """The module `os`, with an fsync that does nothing."""

    def __getattr__(self, name):
        """Whatever it has."""
        return getattr(os, name)

    def fsync(self, handle):
        """Leave it to the system."""


UNSAFE = {
    "a log that is not flushed": (os, "O_DSYNC", 0),
    "names that are not flushed": (atomic_file, "flush_folder", lambda _: None),
    "files that are not flushed": (atomic_file, "os", WithoutFlushing()),
}


@pytest.mark.parametrize("unsafe", UNSAFE.values(), ids=UNSAFE)
def test_explorer_detects_a_store_that_does_not_flush(tmp_path, unsafe):
    """Some state of it does not open, or lacks acknowledged writes."""
    with mock.patch.object(*unsafe), pytest.raises((CrashStateError, StoreError)):
        explore(ENOUGH, 1, tmp_path)
