"""Tests of `store.querying`."""
