"""GraphQL over HTTP: a core without a framework, and a thin ASGI adapter."""

from .application import Application, Middleware, compose
from .asgi import ContextFactory, GraphQLApp, RequestSummary
from .cors import CorsMiddleware
from .cost import CostSettings
from .cost_limit import CostLimit
from .execution import Pipeline
from .executor_interface import Execute, ExecuteReady, Ready
from .front import FastPath
from .handler import GraphQLHandler
from .idempotency import Idempotency
from .kept_answers import KeptAnswers
from .limits import Limits
from .protocol import GraphQLRequest, HttpRequest, HttpResponse, HttpSettings, Result
from .reply import SECURITY_HEADERS, Reply, refusal_reply
from .request_cache import HeaderMap, RequestCache
from .response_cache import response_cache
from .security_headers import SecurityHeadersMiddleware

__all__ = [
    "SECURITY_HEADERS",
    "Application",
    "ContextFactory",
    "CorsMiddleware",
    "CostLimit",
    "CostSettings",
    "Execute",
    "ExecuteReady",
    "FastPath",
    "GraphQLApp",
    "GraphQLHandler",
    "GraphQLRequest",
    "HeaderMap",
    "HttpRequest",
    "HttpResponse",
    "HttpSettings",
    "Idempotency",
    "KeptAnswers",
    "Limits",
    "Middleware",
    "Pipeline",
    "Ready",
    "Reply",
    "RequestCache",
    "RequestSummary",
    "Result",
    "SecurityHeadersMiddleware",
    "compose",
    "refusal_reply",
    "response_cache",
]
