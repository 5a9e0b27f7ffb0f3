"""Tests of `gql.composition`."""
