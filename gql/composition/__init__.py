"""The composition root: from settings and a repository to an application."""
