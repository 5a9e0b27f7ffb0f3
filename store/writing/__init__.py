"""Writing documents: patches, imports, preconditions and transactions."""
