"""GraphQL over HTTP: a core without a framework, and a thin ASGI adapter."""

from .asgi.graphql_app import ContextFactory, GraphQLApp, RequestSummary
from .caching.request_cache import HeaderMap, RequestCache
from .caching.response_cache import response_cache
from .execution.cost_limit import CostLimitExecutor
from .execution.executor_interface import Executor, SyncExecutor, SyncQuery
from .execution.reference_executor import ReferenceExecutor
from .execution.registration import RegisteringExecutor
from .fast_path import FastPath
from .handler import GraphQLHandler
from .idempotency import IdempotentExecutor
from .idempotency_store import IdempotencyStore
from .limits.cost import CostSettings
from .limits.document_limits import DocumentLimits
from .middleware.application import Application, Middleware, compose
from .middleware.cors import CorsMiddleware
from .middleware.security_headers import SecurityHeadersMiddleware
from .persisted.persisted_documents import PersistedDocuments
from .persisted.query_registry import QueryRegistry
from .protocol.media_types import accept_header
from .protocol.messages import GraphQLRequest, HttpRequest, HttpResponse, HttpSettings, Result
from .reply import SECURITY_HEADERS, Reply, refusal_reply

__all__ = [
    "SECURITY_HEADERS",
    "Application",
    "ContextFactory",
    "CorsMiddleware",
    "CostLimitExecutor",
    "CostSettings",
    "DocumentLimits",
    "Executor",
    "FastPath",
    "GraphQLApp",
    "GraphQLHandler",
    "GraphQLRequest",
    "HeaderMap",
    "HttpRequest",
    "HttpResponse",
    "HttpSettings",
    "IdempotencyStore",
    "IdempotentExecutor",
    "Middleware",
    "PersistedDocuments",
    "QueryRegistry",
    "ReferenceExecutor",
    "RegisteringExecutor",
    "Reply",
    "RequestCache",
    "RequestSummary",
    "Result",
    "SecurityHeadersMiddleware",
    "SyncExecutor",
    "SyncQuery",
    "accept_header",
    "compose",
    "refusal_reply",
    "response_cache",
]
