"""Everything that an operator can set, and where each value came from.

A setting is a flag of the command line, else a `NEWSGRAPH_*` environment variable, else a line of
`.env`, else a line of `newsgraph.toml` (both in the working directory), else its default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gql.identity.addresses import check_jwks_location, is_loopback

from .public_url import public_address
from .unknown_settings import unknown_keys, unknown_variables

PREFIX = "NEWSGRAPH_"
ENV_FILE = Path(".env")
TOML_FILE = Path("newsgraph.toml")
STORE_IN_FOLDER = Path(".newsgraph") / "store.json"

KiB, MiB = 1_024, 1_048_576
_RATE = re.compile(r"[1-9][0-9]{0,8} ?(/|per) ?([1-9][0-9]{0,3} )?(second|minute|hour|day)s?")
Words = Annotated[tuple[str, ...], NoDecode]
"""Several words: separated by commas in the environment and on the command line."""


class SettingsError(Exception):
    """A setting that cannot be used; the message names it, its value and what it takes."""


class Settings(BaseSettings):
    """The settings, each with its default and what it is for."""

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
    include_folders: Words = Field(
        (),
        description="Folders that begin with an underscore to read besides _news, _posts and "
        "_data/topics.",
    )
    cors_origins: Words = Field(
        (), description="Origins whose web pages may use this server (CORS); * for any."
    )
    cache_control: str = Field(
        "no-cache", description="The Cache-Control header of responses, which have an ETag."
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
    compiled: bool = Field(True, description="Execute queries by compiled plans if possible.")
    explain: bool = Field(
        False, description="Name the executor of a response in the header X-Newsgraph-Way."
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
                "jwks is set, so jwt_issuer and jwt_audience have to be: without them any token "
                "of that issuer would open this server"
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
        """Where the store is: as set, else in the folder, else in the working directory."""
        return self.store or (self.folder or Path()) / STORE_IN_FOLDER

    @property
    def keys_path(self) -> Path:
        """Where the API keys are: as set, else beside the store."""
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
        """Flags, environment, `.env`, TOML: the first that says something counts."""
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, toml


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The effective settings; `flags` are by setting, None for those not given.

    Raises: SettingsError.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        _refuse_unknown_keys()
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_explain, error.errors()))) from None
    except ValueError as error:  # a TOML file that is not TOML
        raise SettingsError(f"{TOML_FILE}: {error}") from None


def _refuse_unknown_keys() -> None:
    keys = TomlConfigSettingsSource(Settings).toml_data
    if keys.keys() - Settings.model_fields.keys():
        text = TOML_FILE.read_text("utf-8")
        raise SettingsError(
            "\n".join(unknown_keys(str(TOML_FILE), text, keys, Settings.model_fields))
        )


def ignored_variables() -> list[str]:
    """A warning for each variable of the environment and of `.env` that looks like a setting.

    They are no errors: other programs may use the prefix, too.
    """
    names = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
    return unknown_variables(names, PREFIX, [variable(name) for name in Settings.model_fields])


def _explain(error: Any) -> str:
    message = re.sub(r"^Value error, ", "", error["msg"])
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    return f"{name} ({variable(name)}, {flag(name)}) is {error['input']!r}: {message}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """The command line's flag of a setting."""
    return "--" + name.replace("_", "-")


def origins(flags: Mapping[str, Any] | None = None) -> dict[str, str]:
    """For each setting, where its value comes from: a flag, a variable, a file or the default."""
    from_env_file = {key.upper() for key in dotenv_values(ENV_FILE)}
    from_environment = {key.upper() for key in os.environ}
    from_toml = TomlConfigSettingsSource(Settings).toml_data

    def origin(name: str) -> str:
        if flags and flags.get(name) is not None:
            return f"flag {flag(name)}"
        if variable(name) in from_environment:
            return f"environment {variable(name)}"
        if variable(name) in from_env_file:
            return str(ENV_FILE)
        return str(TOML_FILE) if name in from_toml else "default"

    return {name: origin(name) for name in Settings.model_fields}
