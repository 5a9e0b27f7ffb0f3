"""`python -m gql` is `newsgraph`."""

from .cli import main

main()
