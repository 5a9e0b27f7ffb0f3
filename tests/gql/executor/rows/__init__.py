"""Tests of `gql.executor.rows`."""
