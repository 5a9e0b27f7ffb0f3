"""Tests of `gql.adapters`: the private interfaces of libraries are still as they were."""
