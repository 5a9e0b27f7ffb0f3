"""Limits of documents (size, depth, field merging) and of operations (cost)."""
