"""Tests of `store.writing`."""
