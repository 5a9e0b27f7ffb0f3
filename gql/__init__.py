"""The graph over HTTP: a Strawberry schema, its transport, and the command line."""
