"""Requests and responses of GraphQL over HTTP, without a framework."""
