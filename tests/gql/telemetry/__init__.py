"""Tests of `gql.telemetry`."""
