"""Concurrency: cooperative steps, a worker thread, notification of waiters."""
