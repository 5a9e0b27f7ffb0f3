"""Tests of `store.concurrency`."""
