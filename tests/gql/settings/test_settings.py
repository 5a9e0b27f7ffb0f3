"""Settings: their sources, validation, and the tables in docs/settings.md."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from gql.identity.addresses import is_loopback
from gql.settings import (
    PREFIX,
    Settings,
    SettingsError,
    flag_name,
    ignored_variables,
    load_settings,
    setting_sources,
    variable_name,
)

SETTINGS_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(NEWSGRAPH_\w+)` \| `(--[\w-]+)` \| (.*?) \| (.+?) \|$", re.MULTILINE)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """A working directory and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    return tmp_path


def shown(default: Any) -> str:
    """A default as docs/settings.md writes it."""
    if default is None or default == ():
        return ""
    return ("on" if default else "off") if isinstance(default, bool) else str(default)


def test_settings_page_lists_every_setting():
    """Each setting has one row with its variable, flag, default and description."""
    rows = ROW.findall(SETTINGS_PAGE.read_text())
    assert sorted(rows) == sorted(
        (variable_name(name), flag_name(name), shown(field.default), str(field.description))
        for name, field in Settings.model_fields.items()
    )


def test_settings_without_anything_are_the_defaults():
    """Without flags, variables and files, each setting has its default and says so."""
    settings = load_settings()
    for name, field in Settings.model_fields.items():
        assert getattr(settings, name) == field.default
    assert set(setting_sources().values()) == {"default"}


def test_sources_of_a_setting_have_a_precedence(empty_folder, monkeypatch):
    """A flag, else the environment, else `.env`, else `newsgraph.toml`, else the default."""

    def port(flags: dict[str, Any] | None = None) -> tuple[int, str]:
        return load_settings(flags).port, setting_sources(flags)["port"]

    assert port() == (8000, "default")
    (empty_folder / "newsgraph.toml").write_text("port = 8001\n")
    assert port() == (8001, "newsgraph.toml")
    (empty_folder / ".env").write_text("NEWSGRAPH_PORT=8002\n")
    assert port() == (8002, ".env")
    monkeypatch.setenv("NEWSGRAPH_PORT", "8003")
    assert port() == (8003, "environment NEWSGRAPH_PORT")
    assert port({"port": 8004}) == (8004, "flag --port")
    assert port({"port": None}) == (8003, "environment NEWSGRAPH_PORT")


def test_setting_of_words_takes_commas_and_lists(empty_folder, monkeypatch):
    """Words are separated by commas or spaces in the environment, and are a list in TOML."""
    monkeypatch.setenv("NEWSGRAPH_CORS_ORIGINS", "https://a.example, https://b.example")
    (empty_folder / "newsgraph.toml").write_text('include_folders = ["_drafts", "_old"]\n')
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.include_folders == ("_drafts", "_old")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "65536"),
        ("port", "-1"),
        ("workers", "0"),
        ("page_size", "0"),
        ("max_page_size", "-5"),
        ("max_document_depth", "201"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("drafts", "perhaps"),
        ("public_url", "ftp://x.example"),
    ],
)
def test_error_of_an_invalid_setting_names_its_variable_and_flag(monkeypatch, name, value):
    """The error names the setting, its variable, its flag and the value."""
    monkeypatch.setenv(variable_name(name), value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for part in (name, variable_name(name), flag_name(name), value):
        assert part in str(caught.value)


def test_error_names_all_invalid_settings(monkeypatch):
    """One line for each."""
    monkeypatch.setenv("NEWSGRAPH_PORT", "x")
    monkeypatch.setenv("NEWSGRAPH_WORKERS", "x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["port", "workers"]


def test_settings_file_that_is_no_toml_is_refused(empty_folder):
    """The message names the file."""
    (empty_folder / "newsgraph.toml").write_text("port: 8000\n")
    with pytest.raises(SettingsError, match=r"newsgraph\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "place", "nearest"),
    [
        ('host = "::1"\nprot = 8001\n', "newsgraph.toml:2: ", "'prot'. Did you mean port?"),
        ('# prot\n\n  "max-page-size" = 9\n', ":3: ", "Did you mean max_page_size?"),
        ("PORT = 8001\n", ":1: ", "Did you mean port?"),
        ("workers = 2\n[ Log ]\nlevel = 1\n", ":2: ", "'Log'. `newsgraph serve --help` lists"),
        ("log.level = 1\n", ":1: ", "there is no setting 'log'"),
        ("idle_poll_us = 100\n", ":1: ", "there is no setting 'idle_poll_us'"),
        ('"p\\u006frts" = 1\n', "newsgraph.toml: ", "'ports'. Did you mean port?"),
    ],
)
def test_settings_file_with_an_unknown_key_is_refused(empty_folder, text, place, nearest):
    """A misspelt key is named with file, line and the nearest setting; nothing is ignored."""
    (empty_folder / "newsgraph.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert place in str(caught.value)
    assert nearest in str(caught.value)


def test_settings_file_with_unknown_keys_has_them_all_named_at_once(empty_folder):
    """One line for each."""
    (empty_folder / "newsgraph.toml").write_text("prot = 1\nport = 8001\nhots = 2\n")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert re.findall(r"toml:(\d): .*mean (\w+)", str(caught.value)) == [
        ("1", "port"),
        ("3", "host"),
    ]


def test_variables_that_are_no_settings_are_told_with_the_nearest(empty_folder, monkeypatch):
    """Of the environment and of `.env`; settings and other variables are not."""
    (empty_folder / ".env").write_text("NEWSGRAPH_WROKERS=3\nNEWSGRAPH_HOST=::1\nOTHER=1\n")
    monkeypatch.setenv("NEWSGRAPH_PROT", "8001")
    monkeypatch.setenv("NEWSGRAPH_PORT", "8001")
    monkeypatch.setenv("NEWSGRAPH_", "1")
    hint, *others = ignored_variables()
    assert hint.startswith("There is no setting NEWSGRAPH_; it is ignored. `newsgraph serve")
    assert others == [
        "There is no setting NEWSGRAPH_PROT; it is ignored. Did you mean NEWSGRAPH_PORT?",
        "There is no setting NEWSGRAPH_WROKERS; it is ignored. Did you mean NEWSGRAPH_WORKERS?",
    ]
    assert load_settings().port == 8001


def test_page_size_is_at_most_the_largest_page():
    """Otherwise lists without `first` would fail."""
    with pytest.raises(SettingsError, match=r"page_size \(30\) is more than max_page_size \(20\)"):
        load_settings({"page_size": 30, "max_page_size": 20})
    assert load_settings({"page_size": 20, "max_page_size": 20}).page_size == 20


@pytest.mark.parametrize("host", ["::", "192.168.1.5", "news.example"])
def test_drafts_are_refused_where_others_can_listen(host):
    """Drafts are for clients on this machine; the message has a remedy."""
    with pytest.raises(SettingsError, match="drafts are shown on this machine only") as caught:
        load_settings({"drafts": True, "host": host})
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_drafts_are_allowed_on_loopback(host):
    """This machine's own addresses are fine."""
    assert load_settings({"drafts": True, "host": host}).drafts


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("LOCALHOST", True),
        ("[::1]", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_this_machine_and_no_other(host, is_local):
    """A host name that resembles a loopback name is none."""
    assert is_loopback(host) is is_local


def test_store_lies_in_the_folder_unless_it_is_set():
    """Without a folder it is in the working directory."""
    assert load_settings().store_path == Path(".newsgraph/store.json")
    in_folder = load_settings({"folder": "articles"}).store_path
    assert in_folder == Path("articles/.newsgraph/store.json")
    assert load_settings({"folder": "articles", "store": "s.json"}).store_path == Path("s.json")
