"""Benchmark of the most expensive requests (`python -m tests.benchmarks.abuse`)."""
