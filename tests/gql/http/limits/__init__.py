"""Tests of `gql.http.limits`."""
