"""After a power cut, the store opens with all acknowledged writes."""

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
    """After any power cut, acknowledged batches are there, others whole or not at all."""
    seen = explore(STATES, seed, tmp_path)
    assert seen["in order"] + seen["in order, torn"] + seen["in no order"] == STATES


class WithoutFlushing:
    """The module `os` with an fsync that does nothing."""

    def __getattr__(self, name):
        """An attribute of `os`."""
        return getattr(os, name)

    def fsync(self, handle):
        """Do nothing."""


UNSAFE = {
    "a log that is not flushed": (os, "O_DSYNC", 0),
    "names that are not flushed": (atomic_file, "flush_folder", lambda _: None),
    "files that are not flushed": (atomic_file, "os", WithoutFlushing()),
}


@pytest.mark.parametrize("unsafe", UNSAFE.values(), ids=UNSAFE)
def test_explorer_detects_a_store_that_does_not_flush(tmp_path, unsafe):
    """Without one of the flushes, the explorer finds a state that fails."""
    with mock.patch.object(*unsafe), pytest.raises((CrashStateError, StoreError)):
        explore(ENOUGH, 1, tmp_path)
