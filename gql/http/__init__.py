"""GraphQL over HTTP: a core without a framework, and a thin ASGI adapter."""

from .application import Application, Middleware, compose
from .asgi import ContextFactory, GraphQLApp, RequestSummary
from .asked import HeaderMap, PlainRequests
from .bounded_cache import BoundedCache
from .cors import CorsMiddleware
from .cost import CostSettings
from .cost_limit import CostLimit
from .execution import Execute, ExecuteReady, Pipeline, Ready
from .front import FastPath
from .handler import GraphQLHandler
from .idempotency import Idempotency
from .kept_answers import KeptAnswers
from .limits import Limits
from .protocol import GraphQLRequest, HttpRequest, HttpResponse, HttpSettings, Result
from .reply import Reply, refusal_reply
from .response_cache import ResponseCache

__all__ = [
    "Application",
    "BoundedCache",
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
    "PlainRequests",
    "Ready",
    "Reply",
    "RequestSummary",
    "ResponseCache",
    "Result",
    "compose",
    "refusal_reply",
]
