"""The document store: front matter in, immutable snapshots out. Knows nothing of GraphQL."""

from . import model
from .documents.frontmatter import ParseLimits
from .engines.memory import MemoryRepository
from .engines.tinydb.recovery.backup import back_up, backup_chunks, restore
from .engines.tinydb.recovery.salvage import SalvageReport, salvage_store
from .engines.tinydb.repository import TinyDBRepository
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
from .folder.export import export_folder
from .folder.loader import FolderLoader, LoadOptions, check_folder
from .folder.manifest_update import LoadReport
from .hosts import domain_key
from .model import Severity, Visibility
from .names import EntityKind, entity_kind, topic_slug
from .querying.costs import (
    NO_SEARCH_COST,
    SearchCost,
    condition_cost,
    filter_cost,
    order_cost,
    query_cost,
)
from .querying.cursors import (
    BLANK_TOKEN,
    HISTORY_START,
    TOKEN_BYTES,
    UNKNOWN_BOOKMARK,
    Bookmark,
    CursorCodec,
)
from .querying.order_fields import OrderField
from .querying.query import (
    MATCH_ALL,
    NEWEST_FIRST,
    And,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    LookupKey,
    Not,
    Operator,
    Or,
    OrderStep,
    Page,
    PageOrdinals,
    Window,
    all_of,
    provider_filter,
    referencing_filter,
    topic_filter,
)
from .repository import Batch, HistoryPage, Repository, Snapshot, SourceFile
from .text import unescape_url
from .urls import canonical_url, is_web_url
from .writing.document_writer import DocumentWriter, WriteResult

__all__ = [
    "BLANK_TOKEN",
    "HISTORY_START",
    "MATCH_ALL",
    "NEWEST_FIRST",
    "NO_SEARCH_COST",
    "TOKEN_BYTES",
    "UNKNOWN_BOOKMARK",
    "And",
    "ArticleQuery",
    "Batch",
    "Bookmark",
    "Condition",
    "ConflictError",
    "CursorCodec",
    "CursorError",
    "DocumentWriter",
    "EntityKind",
    "Field",
    "Filter",
    "FilterError",
    "FolderLoader",
    "FolderNotEmptyError",
    "HistoryPage",
    "KeyReusedError",
    "LoadOptions",
    "LoadReport",
    "LookupKey",
    "MemoryRepository",
    "Not",
    "Operator",
    "Or",
    "OrderField",
    "OrderStep",
    "OutcomeUnknownError",
    "Page",
    "PageOrdinals",
    "ParseLimits",
    "QueryError",
    "Refusal",
    "RefusedError",
    "Repository",
    "SalvageReport",
    "SearchCost",
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
    "WriteResult",
    "all_of",
    "back_up",
    "backup_chunks",
    "canonical_url",
    "check_folder",
    "condition_cost",
    "domain_key",
    "entity_kind",
    "export_folder",
    "filter_cost",
    "is_web_url",
    "model",
    "order_cost",
    "provider_filter",
    "query_cost",
    "referencing_filter",
    "restore",
    "salvage_store",
    "topic_filter",
    "topic_slug",
    "unescape_url",
]
