"""Tests of `gql.identity`."""
