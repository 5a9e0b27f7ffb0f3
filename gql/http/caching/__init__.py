"""Caches of requests, responses and header blocks."""
