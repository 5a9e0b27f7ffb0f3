"""Tests of the project itself: its documentation, imports and lock files."""
