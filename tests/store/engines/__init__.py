"""Tests of `store.engines`."""
