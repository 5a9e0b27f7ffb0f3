"""Telemetry: records each completed request once, for metrics, access log and traces."""

from .middleware import UNKNOWN_ROUTE, RequestHook, RequestRecord, TelemetryMiddleware, access_log

__all__ = ["UNKNOWN_ROUTE", "RequestHook", "RequestRecord", "TelemetryMiddleware", "access_log"]
