"""Folders of documents: scanned, read, and kept in step with a repository."""
