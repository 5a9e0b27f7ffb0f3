"""Tests of `gql`."""
