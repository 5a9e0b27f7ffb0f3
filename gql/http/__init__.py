"""GraphQL over HTTP: a core without a framework, and a thin ASGI adapter."""

from .asgi import ContextFactory, GraphQLApp, RequestSummary
from .asked import HeaderMap, PlainRequests
from .bounded_cache import BoundedCache
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
from .response_cache import ResponseCache

__all__ = [
    "BoundedCache",
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
    "PlainRequests",
    "Ready",
    "Reply",
    "RequestSummary",
    "ResponseCache",
    "Result",
]
