"""The identity of a request: its viewer, its client, its addresses."""
