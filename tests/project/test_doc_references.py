"""What the documentation refers to exists: files, headings, commands, flags, modules, settings."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gql.cli.main import app
from gql.settings import Settings, variable_name
from tests.support.documentation import DOCS, PAGES, anchors, blocks, code_spans, links, name_of

MODULE = re.compile(r"python -m (tests[\w.]+)")
IMPORTED = re.compile(r"\b((?:gql|store)[\w.]*:\w+)")
SETTING = re.compile(r"NEWSGRAPH_[A-Z_]+[A-Z]")
PLACEHOLDERS = {"NEWSGRAPH_NAME"}
OF_TESTS = {"NEWSGRAPH_REAL_DOCUMENTS", "NEWSGRAPH_IDLE_POLL_US"}

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@each_page
def test_docs_links_resolve(page):
    """A relative link leads to a file of the repository, and its anchor to a heading there."""
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_docs_index_lists_every_page():
    """The index of docs/ links to all pages beside it."""
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert pages <= {link.partition("#")[0] for link in links(DOCS / "README.md")}


def commands(page: Path) -> list[list[str]]:
    """The words of each `newsgraph` command in the code of a page."""
    lines = code_spans(page)
    for language, text in blocks(page):
        if language == "sh":
            lines += text.replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        words = [] if line.count("'") % 2 else shlex.split(line, comments=True)
        for place, word in enumerate(words):
            begins = place == 0 or words[place - 1] == "&&" or "$(" in word
            if begins and re.fullmatch(r"(.*\$\(|.*/)?newsgraph", word) and words[place + 1 :]:
                found.append(words[place + 1 :])
    return found


@each_page
def test_docs_commands_exist(page):
    """Each command that a page shows is one of the program, with all its flags."""
    root: Any = get_command(app)
    for words in commands(page):
        command = root
        while words and words[0] in getattr(command, "commands", ()):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in _options(parameter)}
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= known | {"--help"}, words
        assert command is not root or flags, f"no such command: {words}"


def _options(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


@each_page
def test_docs_modules_exist(page):
    """Each `python -m tests…` can be run, and each `module:name` imported."""
    text = page.read_text()
    for module in MODULE.findall(text):
        assert importlib.util.find_spec(module), module
    for name in IMPORTED.findall(text):
        pkgutil.resolve_name(name)


@each_page
def test_docs_settings_exist(page):
    """Each variable NEWSGRAPH_… is a setting."""
    settings = {variable_name(name) for name in Settings.model_fields}
    assert set(SETTING.findall(page.read_text())) <= settings | PLACEHOLDERS | OF_TESTS
