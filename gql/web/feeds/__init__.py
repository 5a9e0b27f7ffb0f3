"""Feeds of the published articles: Atom, JSON Feed and sitemaps, whole, by topic, by provider."""

from .routes import feed_routes

__all__ = ["feed_routes"]
