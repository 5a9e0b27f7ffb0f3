"""What the most expensive requests cost a server: `python -m tests.benchmarks.abuse`."""
