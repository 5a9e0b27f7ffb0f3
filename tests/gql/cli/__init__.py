"""Tests of `gql.cli`."""
