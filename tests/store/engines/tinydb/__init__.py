"""Tests of `store.engines.tinydb`."""
