"""Tests of `gql.settings`."""
