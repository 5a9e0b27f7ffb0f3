"""Tests of `store.folder`."""
