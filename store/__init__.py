"""The document store: front matter in, immutable snapshots out. Knows nothing of GraphQL."""

from . import model
from .backup import back_up, backup_text, restore
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
    TargetExistsError,
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
from .salvage import Salvaged, accept_loss
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
    "Salvaged",
    "Severity",
    "Snapshot",
    "SourceFile",
    "StoreBusyError",
    "StoreCorruptError",
    "StoreError",
    "StoreUnavailableError",
    "TargetExistsError",
    "TinyDBRepository",
    "Visibility",
    "Window",
    "WindowError",
    "Written",
    "accept_loss",
    "all_of",
    "back_up",
    "backup_text",
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
    "restore",
    "topic_slug",
    "url_text",
]
