"""Tests of `gql.http.execution`."""
