"""Benchmarks of time and memory, and a generator of documents for them."""
