"""Executors: their interface, the reference executor on graphql-core, and the cost limit."""
