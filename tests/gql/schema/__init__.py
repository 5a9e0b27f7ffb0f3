"""Tests of `gql.schema`."""
