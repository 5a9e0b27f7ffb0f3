"""Tests of `gql.web`."""
