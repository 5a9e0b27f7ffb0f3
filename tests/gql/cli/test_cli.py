"""The command line, in this process; `test_serving.py` starts server processes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from msgspec.structs import replace

from gql.cli import main
from gql.settings import PREFIX, Settings, flag_name, variable_name
from store import DocumentWriter, TinyDBRepository
from store.filesystem.atomic_file import file_signature
from tests.conftest import SEEDS
from tests.store.folder.test_loader import unprivileged
from tests.support.graph_client import SCHEMA
from tests.support.server_process import ROOT, environment
from tests.support.writer_setup import document

__all__ = ["unprivileged"]

COMMANDS = "serve load check export backup restore query schema stats config".split()
QUERY = "{ articles(first: 1) { totalCount } }"
BAD = """---
title: A
publishedDateTime: 2026-13-06
provider: {name: A, domain: a.example}
---
"""


class Outcome(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path, monkeypatch):
    """A working directory, environment and logging for each test."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def newsgraph(monkeypatch, capsys):
    """Runs `newsgraph` with arguments."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["newsgraph", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Outcome(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def store(newsgraph, tmp_path):
    """A store that holds the seeds."""
    assert newsgraph("load", str(SEEDS), "--store", "store.json").code == 0
    return tmp_path / "store.json"


@pytest.fixture
def bad_folder(tmp_path):
    """A folder with a valid document, one with a warning and one with an error."""
    folder = tmp_path / "bad [folder]"
    folder.mkdir()
    good = BAD.replace("-13-", "-12-")
    (folder / "good.md").write_text(good)
    (folder / "warns.md").write_text(good.replace("title: A", "title: B\nwebUrl: nope"))
    (folder / "bad.md").write_text(BAD.replace("title: A", "title: '[red]A'"))
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_a_description_and_examples(newsgraph, command):
    """Each example is a command line."""
    code, out, _ = newsgraph(command, "--help")
    assert code == 0
    text = out.partition("Options")[0]
    assert re.search(rf"^ Examples\s+(\w+=\w+ )?newsgraph {command}\b", text, re.MULTILINE)
    assert re.search(r"^ [A-Z].+[.:]", text, re.MULTILINE)


def test_help_lists_the_commands_and_the_exit_codes(newsgraph):
    """Of the program itself."""
    code, out, _ = newsgraph("--help")
    assert code == 0
    assert [line for line in COMMANDS if not re.search(rf"^│ {line} ", out, re.MULTILINE)] == []
    assert "Exit codes: 0 success; 1 errors in documents" in out


def test_version_is_that_of_the_package(newsgraph):
    """In one line."""
    assert newsgraph("--version") == (0, f"newsgraph {metadata.version('newsgraph')}\n", "")


def test_help_of_serve_has_a_flag_for_every_setting(newsgraph):
    """With its environment variable; DIR is the folder."""
    out = newsgraph("serve", "--help").out
    for name in Settings.model_fields:
        assert flag_name(name) in out
        assert variable_name(name)[:20] in out
    assert "DIR" in out


def test_load_prints_a_report_and_reads_only_changed_files(newsgraph, store):
    """Two lines of text, or JSON."""
    first = newsgraph("load", str(SEEDS), "--store", str(store))
    assert first.code == 0
    assert re.match(
        r"Loaded +40 articles from .*\(0 files read, 57 unchanged, 0 removed, ", first.out
    )
    assert "Problems  4 warnings, 1 note (newsgraph check" in first.out
    report = json.loads(newsgraph("load", str(SEEDS), "--store", str(store), "--json").out)
    assert (report["articles"], report["read"], report["unchanged"]) == (40, 0, 57)
    assert report["diagnostics"] == {"WARNING": 4, "INFO": 1}


def test_load_warns_of_files_in_conflict_with_mutations(newsgraph, bad_folder):
    """The changes of mutations stay; the warning says how to load the file."""
    arguments = ("load", str(bad_folder), "--store", "store.json")
    newsgraph(*arguments)

    async def mutate() -> None:
        repository = TinyDBRepository.open("store.json")
        await DocumentWriter(repository).put({"heat": 77}, slug="2026-12-06-a")
        await repository.close()

    asyncio.run(mutate())
    skipped = newsgraph(*arguments)
    assert skipped.code == 0
    assert "good.md was skipped" in skipped.err
    assert "--overwrite" in skipped.err
    loaded = newsgraph(*arguments, "--overwrite")
    assert "good.md was loaded over the changes of a mutation" in loaded.err
    assert newsgraph(*arguments).err == ""


def test_the_json_of_load_names_its_parts_for_scripts(newsgraph, bad_folder):
    """The keys are stable; `kept` lists the files that were skipped for a mutation."""
    arguments = ("load", str(bad_folder), "--store", "store.json", "--json")
    newsgraph(*arguments)

    async def mutate() -> None:
        repository = TinyDBRepository.open("store.json")
        await DocumentWriter(repository).put({"heat": 77}, slug="2026-12-06-a")
        await repository.close()

    asyncio.run(mutate())
    report = json.loads(newsgraph(*arguments).out)
    assert sorted(report) == sorted(
        "articles read unchanged removed diagnostics seconds revision kept overwritten".split()
    )
    assert (report["kept"], report["overwritten"]) == (["good.md"], [])


def test_load_skips_documents_with_errors(newsgraph, bad_folder):
    """They do not stop it, and are counted."""
    code, out, _ = newsgraph("load", str(bad_folder))
    assert code == 0
    assert "Loaded    2 articles" in out
    assert "1 error, 1 warning" in out
    assert str(bad_folder) in out.replace("\n", "")


@pytest.mark.parametrize("command", ["load", "check"])
def test_folder_without_documents_gets_a_hint(newsgraph, command):
    """It lists the file name extensions of documents."""
    Path("photos").mkdir()
    Path("photos/harbour.jpg").write_bytes(b"")
    code, out, err = newsgraph(command, "photos")
    assert (code, err) == (0, "")
    assert "0 articles" in out
    assert "No documents found." in out
    assert ".md .markdown .mdx .qmd .adoc .html .txt .yaml .yml" in out


@pytest.mark.parametrize("command", ["load", "check"])
def test_folder_with_documents_gets_no_hint(newsgraph, bad_folder, command):
    """Documents with errors are documents."""
    for good in bad_folder.glob("[gw]*.md"):
        good.unlink()
    out = newsgraph(command, str(bad_folder)).out
    assert "0 articles" in out
    assert "No documents" not in out


@pytest.mark.parametrize("files", [{}, {"a.md": "no front matter"}], ids=["empty", "all wrong"])
def test_load_of_a_folder_without_articles_leaves_an_empty_store(newsgraph, files):
    """Later commands find a store, so they do not say that one has to be loaded."""
    Path("news").mkdir()
    for name, text in files.items():
        Path("news", name).write_text(text)
    assert newsgraph("load", "news", "--store", "s.json").code == 0
    made = file_signature(Path("s.json"))
    assert newsgraph("load", "news", "--store", "s.json").code == 0
    assert file_signature(Path("s.json")) == made
    code, out, err = newsgraph("query", QUERY, "--store", "s.json")
    assert (code, out, err) == (0, '{"data":{"articles":{"totalCount":0}}}\n', "")
    Path("news", "b.md").write_text(document())
    assert "Loaded    1 article" in newsgraph("load", "news", "--store", "s.json").out


def test_load_keeps_its_store_out_of_version_control(newsgraph, bad_folder):
    """The store is in the folder of documents, with a .gitignore beside it."""
    newsgraph("load", str(bad_folder))
    own = bad_folder / ".newsgraph"
    assert (own / "store.json").exists()
    assert (own / ".gitignore").read_text() == "*\n"


def test_check_prints_diagnostics_as_text(newsgraph, bad_folder):
    """`path:line: severity: message [CODE]`, the remedy below, a sum at the end, exit code 1."""
    code, out, _ = newsgraph("check", str(bad_folder))
    assert code == 1
    assert out == (
        "bad.md:3: error: `publishedDateTime` is not a date that exists: '2026-13-06'. [BAD_DATE]\n"
        "  remedy: Write it like 2020-06-11T17:30:00Z.\n"
        "warns.md:3: warning: `webUrl` is not a web address: 'nope'; "
        "the value is kept in `metadata`. [BAD_URL]\n"
        "  remedy: Write the whole address, starting with http:// or https://.\n"
        f"2 articles in {bad_folder}, problems: 1 error, 1 warning\n"
    )


def test_check_prints_diagnostics_as_json(newsgraph, bad_folder):
    """The same as JSON."""
    code, out, _ = newsgraph("check", str(bad_folder), "--json")
    assert code == 1
    answer = json.loads(out)
    assert (answer["articles"], answer["files"]) == (2, 3)
    assert [(d["path"], d["line"], d["severity"], d["code"]) for d in answer["diagnostics"]] == [
        ("bad.md", 3, "ERROR", "BAD_DATE"),
        ("warns.md", 3, "WARNING", "BAD_URL"),
    ]


def test_check_of_the_seeds_finds_no_error_and_leaves_nothing_behind(newsgraph, tmp_path):
    """Warnings alone are exit code 0; checking writes no store."""
    served = shutil.ignore_patterns(".newsgraph")  # where the seeds were served from the checkout
    shutil.copytree(SEEDS, tmp_path / "news", ignore=served)
    code, out, _ = newsgraph("check", "news")
    assert code == 0
    assert out.endswith("40 articles in news, problems: 4 warnings, 1 note\n")
    assert not (tmp_path / "news" / ".newsgraph").exists()


def test_export_loads_back_to_the_same_documents(newsgraph, store):
    """A round trip of all documents, drafts too."""
    assert "Wrote 56 files to out" in newsgraph("export", "out", "--store", str(store)).out
    assert newsgraph("load", "out", "--store", "again.json").code == 0

    def documents(path: Path) -> list[Any]:
        snapshot = asyncio.run(TinyDBRepository.open(path).snapshot())
        articles = [replace(a, revision=0) for a in snapshot.articles.values()]
        named: list[Any] = [*articles, *snapshot.definitions]
        return sorted(named, key=lambda each: (type(each).__name__, each.slug))

    assert documents(Path("again.json")) == documents(store)


def test_export_into_a_folder_with_files_requires_force(newsgraph, store):
    """Without it nothing is written, and the error names it."""
    Path("out").mkdir()
    Path("out/mine.md").write_text("mine")
    code, out, err = newsgraph("export", "out", "--store", str(store))
    assert (code, out) == (2, "")
    assert "The folder out is not empty." in err
    assert "--force" in err
    assert [path.name for path in Path("out").iterdir()] == ["mine.md"]
    assert newsgraph("export", "out", "--store", str(store), "--force").code == 0


def test_query_prints_the_response(newsgraph, store):
    """One line of JSON if the output is no terminal."""
    code, out, err = newsgraph("query", QUERY, "--store", str(store))
    assert (code, out, err) == (0, '{"data":{"articles":{"totalCount":35}}}\n', "")


def test_query_takes_variables_an_operation_and_standard_input(newsgraph, store, monkeypatch):
    """As over HTTP, and from a file."""
    text = f"query A {QUERY} query B($n: Int) {{ articles(first: $n) {{ nodes {{ id }} }} }}"
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    options = ["--operation", "B", "--variables", '{"n": 2}', "--store", str(store)]
    code, out, _ = newsgraph("query", "-", *options)
    assert code == 0
    assert len(json.loads(out)["data"]["articles"]["nodes"]) == 2


def test_query_shows_drafts_with_the_option(newsgraph, store):
    """By default it shows published articles."""
    code, out, _ = newsgraph("query", QUERY, "--drafts", "--store", str(store))
    assert (code, json.loads(out)["data"]["articles"]["totalCount"]) == (0, 40)


def test_query_with_errors_prints_them_and_exits_1(newsgraph, store):
    """The response is the same as over HTTP."""
    code, out, _ = newsgraph(
        "query", "{ articles(first: -1) { totalCount } }", "--store", str(store)
    )
    assert code == 1
    assert json.loads(out)["errors"][0]["extensions"]["code"] == "BAD_PAGE_SIZE"


@pytest.mark.parametrize("variables", ["{", "[1]", "1"])
def test_query_with_invalid_variables_is_an_error(newsgraph, store, variables):
    """Exit code 2, with one line that says what is expected."""
    code, out, err = newsgraph("query", QUERY, "--variables", variables, "--store", str(store))
    assert (code, out) == (2, "")
    assert "--variables is not" in err
    assert len(err.splitlines()) == 1


def test_schema_prints_the_schema(newsgraph):
    """The same as the committed schema.graphql."""
    assert newsgraph("schema") == (0, f"{SCHEMA}\n", "")


def test_stats_count_the_content_of_the_store(newsgraph, store):
    """Four lines of text, or JSON."""
    code, out, _ = newsgraph("stats", "--store", str(store))
    assert code == 0
    assert "40 articles (5 drafts among them), 16 providers, 18 topics" in out
    numbers = json.loads(newsgraph("stats", "--store", str(store), "--json").out)
    assert numbers == {
        "store": str(store),
        "sizeBytes": store.stat().st_size,
        "revision": 40,
        "articles": 40,
        "drafts": 5,
        "providers": 16,
        "topics": 18,
        "errors": 0,
        "warnings": 4,
        "infos": 1,
    }


def test_preview_prints_a_link_to_one_draft(newsgraph, store):
    """By slug or id, for the page of a site, too; an article that does not exist is exit code 2."""
    drafts = "{ articles(filter: {published: false}, first: 1) { nodes { id slug } } }"
    answer = json.loads(newsgraph("query", drafts, "--store", str(store), "--drafts").out)
    [draft] = answer["data"]["articles"]["nodes"]
    located = ("--store", str(store))
    code, out, err = newsgraph("preview", draft["slug"], *located, "--hours", "2")
    assert code == 0
    assert out.startswith("http://127.0.0.1:8000/graphql?preview=ngp_")
    assert "whoever has this link can read the draft" in err
    page = "https://site.example/preview?draft=1#top"
    printed = newsgraph("preview", draft["id"], *located, "--url", page, "--json").out
    link = json.loads(printed)
    assert link["url"] == f"https://site.example/preview?draft=1&preview={link['token']}#top"
    in_locale = newsgraph("preview", draft["slug"], *located, "--locale", "*", "--json")
    assert json.loads(in_locale.out).keys() == link.keys()
    assert newsgraph("preview", draft["slug"], *located, "--locale", "xx")[0] == 2
    assert newsgraph("preview", "no-such-slug", *located)[0] == 2
    assert newsgraph("preview", draft["slug"], *located, "--hours", "169")[0] == 2


def test_config_shows_each_setting_and_its_source(newsgraph, monkeypatch):
    """A table, or JSON."""
    monkeypatch.setenv("NEWSGRAPH_PORT", "8123")
    Path(".env").write_text("NEWSGRAPH_WORKERS=3\n")
    out = newsgraph("config").out
    assert re.search(r"^NEWSGRAPH_PORT +8123 +environment", out, re.MULTILINE)
    assert re.search(r"^NEWSGRAPH_WORKERS +3 +\.env", out, re.MULTILINE)
    assert re.search(r"^NEWSGRAPH_HOST +127\.0\.0\.1 +default", out, re.MULTILINE)
    values = json.loads(newsgraph("config", "--json").out)
    assert values["port"] == {"value": 8123, "origin": "environment NEWSGRAPH_PORT"}
    assert values.keys() == Settings.model_fields.keys()


def test_misspelt_key_of_the_settings_file_stops_the_command(newsgraph):
    """Exit code 2; the error has the line and the nearest name."""
    Path("newsgraph.toml").write_text('store = "s.json"\nprot = 8001\n')
    expected = "error: newsgraph.toml:2: there is no setting 'prot'. Did you mean port?\n"
    assert newsgraph("stats") == (2, "", expected)


def test_misspelt_variable_is_a_warning(newsgraph, store, monkeypatch):
    """On standard error, since other programs may use the prefix; the command runs."""
    monkeypatch.setenv("NEWSGRAPH_DRAFT", "true")
    code, out, err = newsgraph("query", QUERY, "--store", str(store))
    assert (code, out) == (0, '{"data":{"articles":{"totalCount":35}}}\n')
    assert err == (
        "warning: There is no setting NEWSGRAPH_DRAFT; it is ignored. "
        "Did you mean NEWSGRAPH_DRAFTS?\n"
    )


@pytest.mark.parametrize(
    "command", [["stats"], ["query", QUERY], ["export", "out"], ["serve", "--port", "0"]]
)
def test_command_without_a_store_says_how_to_make_one(newsgraph, command):
    """Exit code 3 and one line; no file is created."""
    code, _, err = newsgraph(*command, "--store", "none.json")
    assert code == 3
    assert err == (
        "error: There is no store at none.json. "
        "Make one with: newsgraph load DIR --store none.json\n"
    )
    assert list(Path().iterdir()) == []


def test_folder_of_documents_is_given_in_three_ways(newsgraph, bad_folder, monkeypatch):
    """As DIR, by `--folder` or in the environment; commands on a store take the last two."""
    folder = str(bad_folder)
    for given in ([folder], ["--folder", folder]):
        assert "Loaded    2 articles" in newsgraph("load", *given).out
        assert newsgraph("check", *given).code == 1
    assert "2 articles" in newsgraph("stats", "--folder", folder).out
    code, _, err = newsgraph("load", folder, "--folder", folder)
    assert (code, "given twice" in err) == (2, True)
    monkeypatch.setenv("NEWSGRAPH_FOLDER", folder)
    assert "Loaded    2 articles" in newsgraph("load").out
    assert "2 articles" in newsgraph("stats").out


def test_missing_store_of_a_folder_is_loaded_from_that_folder(newsgraph, bad_folder):
    """The command to run has the folder that was given, quoted for a shell."""
    code, _, err = newsgraph("stats", "--folder", str(bad_folder))
    assert code == 3
    assert f"Make one with: newsgraph load '{bad_folder}'\n" in err


def test_setting_without_an_option_is_named_by_its_variable_alone(newsgraph, store, monkeypatch):
    """`stats` has no `--port`, so no error of it says so; `serve` has."""
    monkeypatch.setenv("NEWSGRAPH_PORT", "many")
    assert "port (NEWSGRAPH_PORT) is 'many'" in newsgraph("stats", "--store", str(store)).err
    assert "port (NEWSGRAPH_PORT, --port) is 'many'" in newsgraph("serve").err


@pytest.mark.parametrize("text", ["{", "[]", '{"articles": 1}'])
def test_invalid_store_is_an_error(newsgraph, text):
    """Exit code 3; the error names the file, which stays unchanged."""
    Path("broken.json").write_text(text)
    code, out, err = newsgraph("stats", "--store", "broken.json")
    assert (code, out) == (3, "")
    assert "broken.json cannot be read" in err
    assert Path("broken.json").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command"),
        (
            ["load"],
            "There is no folder of documents: give the argument DIR",
        ),
        (["load", "nowhere"], "does not exist"),
        (["stats", "--nonsense"], "No such option"),
        (["export", __file__], "is a file"),
        (["serve", "--port", "70000"], "port (NEWSGRAPH_PORT, --port) is 70000"),
        (["serve", "--page-size", "200"], "page_size (200) is more than max_page_size (100)"),
        (["serve", "--drafts", "--host", "0.0.0.0"], "drafts are shown on this machine only"),  # noqa: S104
    ],
)
def test_wrong_usage_is_exit_code_2(newsgraph, arguments, message):
    """With an error on standard error, and no traceback."""
    code, out, err = newsgraph(*arguments)
    assert (code, out) == (2, "")
    assert message in re.sub(r"[│\s]+", " ", err)


@pytest.mark.parametrize("path", ["locked", "locked/inside"])
@pytest.mark.parametrize("command", ["check", "load", "init", "serve"])
def test_unreadable_folder_is_exit_code_3(newsgraph, monkeypatch, unprivileged, path, command):
    """Also if its parent cannot be read, so that nobody can tell whether it exists."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)  # as for a user that is not root
    (unprivileged / "locked" / "inside").mkdir(parents=True)
    (unprivileged / "locked").chmod(0)
    try:
        code, _, err = newsgraph(command, str(unprivileged / path))
    finally:
        (unprivileged / "locked").chmod(0o700)
    assert (code, "cannot be read: Permission denied" in err) == (3, True)


def test_unreadable_store_is_exit_code_3(newsgraph, unprivileged):
    """A store in a folder that cannot be read is an error, not a traceback."""
    (unprivileged / "locked").mkdir(0)
    try:
        code, _, err = newsgraph("stats", "--store", str(unprivileged / "locked" / "store.json"))
    finally:
        (unprivileged / "locked").chmod(0o700)
    assert (code, "Permission denied" in err) == (3, True)


def test_module_runs_the_command():
    """`python -m gql` is `newsgraph`, with the same exit codes."""
    done = subprocess.run(
        [sys.executable, "-m", "gql", "stats", "--store", "none.json"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: There is no store")


def test_conflict_with_the_package_gql_of_pypi_is_an_error(tmp_path):
    """Both cannot be in one environment; the error says so at the start."""
    other = tmp_path / "site" / "gql-4.0.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: gql\nVersion: 4.0.0\n")
    done = subprocess.run(
        [sys.executable, "-m", "gql", "schema"],
        env=environment(PYTHONPATH=f"{ROOT}:{other.parent}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Give newsgraph an environment of its own" in done.stderr


# --- damaged stores, backups ---


@pytest.mark.parametrize(
    "command",
    [
        ["stats"],
        ["query", QUERY],
        ["export", "out"],
        ["backup", "b"],
        ["serve", "--port", "0"],
        ["load", "."],
    ],
)
def test_every_command_refuses_a_damaged_store(newsgraph, store, command):
    """Exit code 3, with the remedies; no file is changed."""
    text = store.read_bytes().replace(b"articles", b"articled", 1)
    store.write_bytes(text)
    code, _, err = newsgraph(*command, "--store", "store.json")
    assert (code, "--accept-loss" in err, "newsgraph restore FILE" in err) == (3, True, True)
    assert store.read_bytes() == text


def test_accepted_loss_is_logged_and_repaired_from_the_folder(newsgraph, store):
    """`load DIR --accept-loss` reads the lost documents again."""
    articles = json.loads(newsgraph("stats", "--store", "store.json", "--json").out)["articles"]
    store.write_text("{}")
    code, out, err = newsgraph("load", str(SEEDS), "--store", "store.json", "--accept-loss")
    assert code == 0
    assert "store_salvaged" in out + err
    repaired = json.loads(newsgraph("stats", "--store", "store.json", "--json").out)["articles"]
    assert repaired == articles


def test_backup_is_restored(newsgraph, store):
    """Exit code 2 if the target exists, and 3 if the backup does not."""
    assert newsgraph("backup", "b.json", "--store", "store.json").code == 0
    assert newsgraph("backup", "b.json", "--store", "store.json").code == 2
    assert newsgraph("backup", "b.json", "--force", "--store", "store.json").code == 0
    before = newsgraph("stats", "--store", "store.json", "--json").out
    store.unlink()
    assert newsgraph("restore", "none.json", "--store", "store.json").code == 3
    assert newsgraph("restore", "b.json", "--store", "store.json").code == 0
    after = newsgraph("stats", "--store", "store.json", "--json").out
    assert {**json.loads(after), "sizeBytes": 0} == {**json.loads(before), "sizeBytes": 0}
