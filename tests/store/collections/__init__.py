"""Tests of `store.collections`."""
