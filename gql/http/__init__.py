"""GraphQL over HTTP: a core without a framework, and a thin ASGI adapter."""

from .asgi import ContextFactory, GraphQLApp, RequestSummary
from .cost import CostSettings
from .cost_limit import CostLimit
from .execution import Execute, ExecuteReady, Pipeline, Ready
from .front import Front
from .handler import GraphQLHandler
from .idempotency import Idempotency
from .kept_answers import KeptAnswers
from .limits import Limits
from .protocol import GraphQLRequest, HttpRequest, HttpResponse, HttpSettings, Result
from .reply import Reply
from .request_cache import HeaderMap, RequestCache
from .response_cache import response_cache

__all__ = [
    "ContextFactory",
    "CostLimit",
    "CostSettings",
    "Execute",
    "ExecuteReady",
    "Front",
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
    "Pipeline",
    "Ready",
    "Reply",
    "RequestCache",
    "RequestSummary",
    "Result",
    "response_cache",
]
