"""Tests of `gql.access`."""
