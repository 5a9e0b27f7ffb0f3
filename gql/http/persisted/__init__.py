"""Persisted documents: GraphQL documents that requests name by an id, without their text."""
