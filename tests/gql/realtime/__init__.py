"""Tests of `gql.realtime`."""
