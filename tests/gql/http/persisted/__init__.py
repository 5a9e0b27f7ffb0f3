"""Tests of persisted documents."""
