"""Engines: the implementations of the repository."""
