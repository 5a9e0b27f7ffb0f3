"""Limits of documents and operations: their size, depth and cost."""
