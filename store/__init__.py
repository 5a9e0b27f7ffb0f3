"""The document store: front matter in, immutable snapshots out. Knows nothing of GraphQL."""

from . import model
from .costs import filter_cost, query_cost
from .cursors import BLANK, NOWHERE, START, TOKEN_BYTES, Bookmark, Cursors
from .errors import (
    ConflictError,
    CursorError,
    FilterError,
    FolderNotEmptyError,
    KeyReusedError,
    OutcomeUnknownError,
    QueryError,
    Refusal,
    RefusedError,
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
    WindowError,
)
from .export import export_folder
from .frontmatter import Limits as ReadingLimits
from .loader import FolderLoader, LoadOptions, check_folder
from .memory import MemoryRepository
from .model import Severity, Visibility
from .names import Kind, domain_key, kind_of, topic_slug
from .order_fields import OrderField
from .query import (
    EVERYTHING,
    NEWEST_FIRST,
    And,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    Key,
    Not,
    Operator,
    Or,
    Order,
    Page,
    Places,
    Window,
    all_of,
    of_provider,
    of_topic,
    referencing,
)
from .repository import Batch, History, Repository, Snapshot, SourceFile
from .text import url_text
from .tinydb_engine import TinyDBRepository
from .update import LoadReport
from .urls import canonical_url, is_web_url
from .writing import DocumentWriter, Written

__all__ = [
    "BLANK",
    "EVERYTHING",
    "NEWEST_FIRST",
    "NOWHERE",
    "START",
    "TOKEN_BYTES",
    "And",
    "ArticleQuery",
    "Batch",
    "Bookmark",
    "Condition",
    "ConflictError",
    "CursorError",
    "Cursors",
    "DocumentWriter",
    "Field",
    "Filter",
    "FilterError",
    "FolderLoader",
    "FolderNotEmptyError",
    "History",
    "Key",
    "KeyReusedError",
    "Kind",
    "LoadOptions",
    "LoadReport",
    "MemoryRepository",
    "Not",
    "Operator",
    "Or",
    "Order",
    "OrderField",
    "OutcomeUnknownError",
    "Page",
    "Places",
    "QueryError",
    "ReadingLimits",
    "Refusal",
    "RefusedError",
    "Repository",
    "Severity",
    "Snapshot",
    "SourceFile",
    "StoreBusyError",
    "StoreCorruptError",
    "StoreError",
    "StoreUnavailableError",
    "TinyDBRepository",
    "Visibility",
    "Window",
    "WindowError",
    "Written",
    "all_of",
    "canonical_url",
    "check_folder",
    "domain_key",
    "export_folder",
    "filter_cost",
    "is_web_url",
    "kind_of",
    "model",
    "of_provider",
    "of_topic",
    "query_cost",
    "referencing",
    "topic_slug",
    "url_text",
]
