"""Which way imports point, read off the source of every module."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("gql", "store")
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in OURS
    for path in sorted((ROOT / package).rglob("*.py"))
    if "node_modules" not in path.parts
}
PACKAGES = [name for name, path in SOURCES.items() if path.name == "__init__.py"]
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}


def imported(module: str) -> Iterator[tuple[str, str | None]]:
    """What a module imports, anywhere in it: a module, and a name of it where one is named."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*above, *(node.module or "").split(".")] if node.level else [])
            source = source.rstrip(".") or str(node.module)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield (inner, None) if inner in SOURCES else (source, alias.name)


IMPORTS = {module: list(imported(module)) for module in SOURCES}


def modules_imported_by(part: str) -> dict[str, set[str]]:
    """For each module of a package (or the module itself), the modules that it imports."""
    return {
        module: {source for source, _ in IMPORTS[module]}
        for module in SOURCES
        if within(module, part)
    }


def within(module: str, part: str) -> bool:
    """Whether a module is this one or in this package."""
    return module == part or module.startswith(f"{part}.")


def importers(library: str) -> set[str]:
    """The modules that import a library."""
    return {
        module
        for module, found in IMPORTS.items()
        if any(within(source, library) for source, _ in found)
    }


@pytest.mark.parametrize(
    ("part", "unknown"),
    [
        ("store", "gql strawberry graphql starlette uvicorn typer rich structlog pydantic"),
        ("gql.schema", "gql.cli gql.app gql.executor gql.http gql.feeds starlette uvicorn"),
        ("gql.http", "gql.cli gql.app gql.executor gql.schema gql.feeds uvicorn"),
        (
            "gql.realtime",
            "gql.cli gql.app gql.executor gql.feeds gql.access strawberry.types uvicorn",
        ),
        ("gql.executor", "gql.cli gql.app gql.feeds starlette uvicorn"),
        ("gql.access", "gql.cli gql.app gql.executor gql.schema gql.feeds strawberry graphql"),
        ("gql.feeds", "gql.cli gql.app gql.executor gql.schema gql.http strawberry graphql"),
        ("gql.settings", "gql.cli gql.app gql.executor gql.schema gql.http store.tinydb_engine"),
        ("gql.app", "gql.cli typer rich"),
    ],
)
def test_imports_point_one_way(part, unknown):
    """From cli over app, executor and schema to store, http and feeds beside them."""
    for module, sources in modules_imported_by(part).items():
        for source in sources:
            found = [name for name in unknown.split() if within(source, name)]
            assert not found, f"{module} imports {source}"


def test_imports_of_the_command_line_are_its_own():
    """Nothing stands on `gql.cli` but the way to start it."""
    assert {m for m in importers("gql.cli") if not within(m, "gql.cli")} == {"gql.__main__"}


def test_imports_of_the_transport_from_the_store_are_its_errors_and_locks():
    """GraphQL over HTTP knows no documents."""
    for module, sources in modules_imported_by("gql.http").items():
        assert {s for s in sources if within(s, "store")} <= {"store.errors", "store.file_lock"}, (
            module
        )


@pytest.mark.parametrize(
    ("library", "module"),
    [
        ("yaml", "store.frontmatter"),
        ("tinydb", "store.tinydb_storage"),
        ("pyroaring", "store.bitmaps"),
        ("cryptography", "store.cursors"),
        ("typer", "gql.cli"),
        ("rich", "gql.cli"),
        ("uvicorn", "gql.cli.serve gql.server gql.direct"),
        ("pydantic", "gql.settings"),
        ("pydantic_settings", "gql.settings"),
        ("dotenv", "gql.settings"),
        ("jwt", "gql.access.tokens"),
        ("limits", "gql.access.rates"),
    ],
)
def test_library_at_an_edge_has_one_place(library, module):
    """A library that can be exchanged is imported by one module (or one package) only.

    The server is what the command runs, and what its protocol is made of.
    """
    found = importers(library)
    assert found
    places = module.split()
    assert {name for name in found if not any(within(name, each) for each in places)} == set()


def test_imports_run_in_no_circle():
    """Modules can be ordered so that each imports only those before it."""
    graph = {
        module: {source for source, _ in found if source in SOURCES and source != module}
        for module, found in IMPORTS.items()
    }
    order = list(TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert set(order) == set(SOURCES)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "gql"])
def test_package_exports_are_what_others_import(package):
    """`__all__` is sorted, is there, and holds all that is imported from the package elsewhere."""
    module = importlib.import_module(package)
    exported = list(module.__all__)
    assert [name for name in exported if not hasattr(module, name)] == []
    assert len(set(exported)) == len(exported)
    used = {
        name
        for other, found in IMPORTS.items()
        for source, name in found
        if source == package and name and not within(other, package)
    }
    assert used <= set(exported)


def test_packages_of_the_program_are_listed():
    """What is installed is exactly our packages, so that tests and seeds are no modules there."""
    listed = (ROOT / "pyproject.toml").read_text().partition("packages = [")[2].partition("]")[0]
    assert sorted(ast.literal_eval(f"[{listed}]")) == sorted(PACKAGES)


def test_tests_are_a_package():
    """So that PyPI's gql, whose tests are installed as `tests`, cannot be mistaken for ours."""
    assert (ROOT / "tests" / "__init__.py").is_file()
