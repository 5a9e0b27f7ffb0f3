"""Stress tests that run as long as one likes: fuzzers, crash exploration, races."""
