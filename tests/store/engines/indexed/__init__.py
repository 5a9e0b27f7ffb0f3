"""Tests of `store.engines.indexed`."""
