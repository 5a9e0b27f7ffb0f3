"""The ASGI adapter of GraphQL over HTTP."""
