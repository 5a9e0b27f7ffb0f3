"""Execution by graphql-core: documents, validation, time slices, results."""
