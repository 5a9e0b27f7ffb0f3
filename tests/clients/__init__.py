"""Tests of the examples in clients/."""
