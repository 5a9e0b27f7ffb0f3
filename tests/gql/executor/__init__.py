"""Tests of `gql.executor`."""
