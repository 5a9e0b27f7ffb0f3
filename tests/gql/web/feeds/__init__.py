"""Tests of `gql.web.feeds`."""
