"""Tests of `gql.server`."""
