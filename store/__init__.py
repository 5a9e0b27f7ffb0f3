"""The document store: front matter in, immutable snapshots out. Knows nothing of GraphQL."""
