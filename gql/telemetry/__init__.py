"""Telemetry: each request is recorded once, for the metrics, the log and the traces."""

from .middleware import NO_ROUTE, Observation, Observer, TelemetryMiddleware, access_log

__all__ = ["NO_ROUTE", "Observation", "Observer", "TelemetryMiddleware", "access_log"]
