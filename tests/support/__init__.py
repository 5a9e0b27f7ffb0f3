"""Helpers of the tests: servers, clients, fixtures and generators."""
