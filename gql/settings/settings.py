"""The settings: names, types, defaults and checks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gql.cache_control import is_cache_control
from gql.identity.addresses import check_jwks_location, is_loopback

from .public_url import public_address

PREFIX = "NEWSGRAPH_"
ENV_FILE = Path(".env")
TOML_FILE = Path("newsgraph.toml")
STORE_IN_FOLDER = Path(".newsgraph") / "store.json"

KiB, MiB = 1_024, 1_048_576
_RATE = re.compile(r"[1-9][0-9]{0,8} ?(/|per) ?([1-9][0-9]{0,3} )?(second|minute|hour|day)s?")
WordList = Annotated[tuple[str, ...], NoDecode]
"""A list of words: separated by commas in the environment and on the command line."""


class SettingsError(Exception):
    """An invalid setting; the message has its name, its value and the valid values."""


class Settings(BaseSettings):
    """The settings. Each field has its default and its help text."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        toml_file=TOML_FILE,
        extra="ignore",
        frozen=True,
        validate_default=False,
    )

    folder: Path | None = Field(None, description="The folder of documents.")
    watch: bool = Field(
        False, description="Live reload: changes in the folder show in the next query."
    )
    store: Path | None = Field(
        None,
        description="The store's file. If not set: `.newsgraph/store.json` in the folder of "
        "documents, else in the working directory.",
    )
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8000, ge=0, le=65_535, description="The port to listen on; 0 chooses a free one."
    )
    workers: int = Field(1, ge=1, le=64, description="The number of server processes.")
    drafts: bool = Field(
        False, description="Show drafts and secured text to clients on this machine."
    )
    keys: Path | None = Field(
        None, description="The file of API keys. If not set: `keys.json` beside the store."
    )
    anonymous: bool = Field(
        True,
        description="Allow anonymous clients to read what is published; if off, every request "
        "needs a key.",
    )
    jwks: str | None = Field(
        None, description="The public keys (JWKS) of the token issuer: a file, or an https URL."
    )
    jwt_issuer: str | None = Field(None, description="The expected issuer of tokens (claim `iss`).")
    jwt_audience: str | None = Field(
        None, description="The expected audience of tokens (claim `aud`)."
    )
    rate_limit: str | None = Field(
        None,
        description="The rate limit of each key, or of each address without a key, such as "
        "600/minute; each worker counts for itself.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Reverse proxies whose X-Forwarded headers are trusted: addresses and "
        "networks.",
    )
    max_connections: int = Field(
        4_000, ge=1, description="The maximum number of connections of a process."
    )
    max_header_bytes: int = Field(
        65_536,
        ge=1_024,
        description="The maximum size of the start line and headers of a request, in bytes.",
    )
    max_header_fields: int = Field(
        100, ge=10, description="The maximum number of header fields of a request."
    )
    request_timeout_s: int = Field(
        20,
        ge=1,
        description="The time to receive the headers of a request, and its body, in seconds; a "
        "body has a second more for each 4 kB.",
    )
    page_size: int = Field(
        20, ge=1, description="The number of items of a list without `first` or `last`."
    )
    max_page_size: int = Field(100, ge=1, description="The maximum number of items of a page.")
    max_depth: int = Field(16, ge=1, description="The maximum nesting of an operation.")
    max_tokens: int = Field(
        4_000, ge=1, description="The maximum number of tokens of an operation."
    )
    max_aliases: int = Field(
        100, ge=0, description="The maximum number of aliases of an operation."
    )
    max_cost: int = Field(
        50_000,
        ge=1,
        description="The maximum cost of an operation: values of the response, and microseconds "
        "of search.",
    )
    max_body_bytes: int = Field(
        MiB, ge=1, description="The maximum size of a request body, in bytes."
    )
    max_subscriptions: int = Field(
        1_000, ge=0, description="The maximum number of subscriptions of a process."
    )
    subscription_bytes: int = Field(
        128 * KiB,
        ge=1,
        description="The maximum memory of a subscription, for its operation and variables, in "
        "bytes.",
    )
    max_per_socket: int = Field(
        100, ge=1, description="The maximum number of concurrent operations on one WebSocket."
    )
    max_websockets: int = Field(
        1_000, ge=0, description="The maximum number of WebSockets of a process."
    )
    max_per_client: int = Field(
        100,
        ge=1,
        description="The maximum number of subscriptions and of WebSockets of each key, or of "
        "each address without a key.",
    )
    init_timeout_s: int = Field(
        10, ge=1, description="The time until a WebSocket has to authenticate, in seconds."
    )
    keep_alive_s: int = Field(
        12,
        ge=1,
        description="The interval of keep-alive messages and permission checks of subscriptions, "
        "in seconds.",
    )
    send_timeout_s: int = Field(
        30,
        ge=1,
        description="The time after which a client that reads nothing is disconnected, in seconds.",
    )
    max_document_bytes: int = Field(
        MiB, ge=1, description="The maximum size of a document, in bytes."
    )
    max_import_documents: int = Field(
        100, ge=1, description="The maximum number of documents of one import."
    )
    max_document_depth: int = Field(
        32, ge=1, le=200, description="The maximum nesting of a document's YAML."
    )
    include_folders: WordList = Field(
        (),
        description="Folders that begin with an underscore to read besides _news, _posts and "
        "_data/topics.",
    )
    cors_origins: WordList = Field(
        (), description="Origins whose web pages may use this server (CORS); * for any."
    )
    cache_control: str = Field(
        "no-cache",
        description="The Cache-Control header of responses to queries, which have an ETag; for "
        "requests with credentials `private` instead of `public`.",
    )
    response_cache_bytes: int = Field(
        32 * MiB, ge=0, description="The size of the response cache, in bytes; 0 disables it."
    )
    fragment_cache_bytes: int = Field(
        128 * MiB,
        ge=MiB,
        description="The size of the cache of rows (rendered parts of responses), in bytes.",
    )
    plan_cache_bytes: int = Field(
        128 * MiB,
        ge=0,
        description="The size of the caches of GraphQL documents, plans and requests, in bytes.",
    )
    trusted_documents: Path | None = Field(
        None,
        description="The trusted GraphQL documents of clients: a manifest (Relay, Apollo, "
        "codegen), a .graphql file, or a folder of them.",
    )
    trusted_only: bool = Field(
        False,
        description="Execute trusted documents only; a key with the scope SEND_ANY_OPERATION may "
        "send any.",
    )
    apq_bytes: int = Field(
        0,
        ge=0,
        description="The size of the registry of automatic persisted queries (APQ), in bytes; 0 "
        "disables it.",
    )
    compiled: bool = Field(True, description="Execute queries by compiled plans if possible.")
    explain: bool = Field(
        False, description="Name the executor of a response in the header X-Newsgraph-Way."
    )
    federation: bool = Field(
        False, description="Serve the graph as a subgraph, for a router of Apollo Federation 2."
    )
    public_url: str | None = Field(
        None, description="The public address of this server, for feeds behind a reverse proxy."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest level of log messages; info logs every request."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="The format of the log: lines for people, or JSON."
    )
    trace: bool = Field(
        False,
        description="Send an OpenTelemetry span of each request; the OTEL_* variables configure "
        "it.",
    )
    lock_timeout_s: int = Field(
        10,
        ge=1,
        description="The lock timeout: how long a write waits for other processes, in seconds.",
    )
    shutdown_timeout_s: int = Field(
        10,
        ge=0,
        description="The time that running requests have to end at a shutdown, in seconds.",
    )

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        return None if value is None else public_address(value)

    @field_validator("include_folders", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("cache_control")
    @classmethod
    def _cache_control(cls, value: str) -> str:
        if not is_cache_control(value):
            raise ValueError("write it as in HTTP, such as no-cache or public, max-age=60")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # As browsers write origins; a slash at the end is copied from the address bar.
        return tuple(origin.lower().removesuffix("/") for origin in value)

    @field_validator("jwks")
    @classmethod
    def _jwks(cls, value: str | None) -> str | None:
        return None if value is None else check_jwks_location(value)

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is not None and not _RATE.fullmatch(value):
            raise ValueError("write it as 10/second, 600/minute, 600/5 minutes or 10000/hour")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.jwks is not None and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError(
                "jwks is set, so jwt_issuer and jwt_audience are required: without them the server "
                "would accept every token of that issuer"
            )
        if self.trusted_only and self.trusted_documents is None:
            raise ValueError(
                "trusted_only is on, but there are no trusted documents: set trusted_documents, or "
                "leave trusted_only off"
            )
        if self.page_size > self.max_page_size:
            raise ValueError(
                f"page_size ({self.page_size}) is more than max_page_size ({self.max_page_size})"
            )
        if self.drafts and not is_loopback(self.host):
            raise ValueError(
                f"drafts are shown on this machine only, but host is {self.host}; "
                "use 127.0.0.1, or leave drafts off"
            )
        return self

    @property
    def store_path(self) -> Path:
        """The path of the store: as set, else in the folder, else in the working directory."""
        return self.store or (self.folder or Path()) / STORE_IN_FOLDER

    @property
    def queries_path(self) -> Path:
        """The directory of automatic persisted queries, beside the store."""
        return self.store_path.with_name(f"{self.store_path.name}.queries")

    @property
    def keys_path(self) -> Path:
        """The path of the key file: as set, else beside the store."""
        return self.keys or self.store_path.with_name("keys.json")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in the order of precedence: flags, environment, `.env`, TOML."""
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, toml
