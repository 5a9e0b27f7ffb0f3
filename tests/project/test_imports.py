"""The direction of imports, read from the source of every module."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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
    ("part", "forbidden"),
    [
        ("store", "gql strawberry graphql starlette uvicorn typer rich structlog pydantic"),
        ("gql.schema", "gql.cli gql.composition gql.executor gql.http gql.web starlette uvicorn"),
        ("gql.http", "gql.cli gql.composition gql.executor gql.schema gql.web uvicorn"),
        (
            "gql.realtime",
            "gql.cli gql.composition gql.executor gql.web gql.access strawberry.types uvicorn",
        ),
        ("gql.executor", "gql.cli gql.composition gql.web starlette uvicorn"),
        (
            "gql.access",
            "gql.cli gql.composition gql.executor gql.schema gql.web strawberry graphql",
        ),
        ("gql.web", "gql.cli gql.composition gql.executor gql.schema gql.http strawberry graphql"),
        ("gql.settings", "gql.cli gql.composition gql.executor gql.schema gql.http store.engines"),
        ("gql.composition", "gql.cli typer rich"),
    ],
)
def test_imports_point_one_way(part, forbidden):
    """From cli over composition, executor and schema to store; http and realtime beside them."""
    for module, sources in modules_imported_by(part).items():
        for source in sources:
            broken = [name for name in forbidden.split() if within(source, name)]
            assert not broken, f"{module} imports {source}"


def unit(module: str) -> str:
    """The unit of layering that a module belongs to.

    That is its package; in a package that has sub-packages, the module itself.
    """
    if module in PACKAGES:
        return module
    package = module.rpartition(".")[0]
    has_packages = any(within(other, package) and other != package for other in PACKAGES)
    return module if has_packages else package


def test_imports_between_packages_run_in_no_circle():
    """Packages can be ordered so that each imports only those before it."""
    graph: dict[str, set[str]] = {}
    for module, sources in IMPORTS.items():
        if module not in PACKAGES:  # a package's own exports are above all of its modules
            imports = {unit(source) for source, _ in sources if source in SOURCES}
            graph.setdefault(unit(module), set()).update(imports - {unit(module)})
    list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_imports_of_the_command_line_are_its_own():
    """Nothing stands on `gql.cli` but the way to start it."""
    assert {m for m in importers("gql.cli") if not within(m, "gql.cli")} == {"gql.__main__"}


def test_imports_of_the_transport_from_the_store_are_its_errors_and_locks():
    """GraphQL over HTTP knows no documents."""
    for module, sources in modules_imported_by("gql.http").items():
        assert {s for s in sources if within(s, "store")} <= {
            "store.errors",
            "store.filesystem.file_lock",
        }, module


@pytest.mark.parametrize(
    ("library", "module"),
    [
        ("yaml", "store.documents.frontmatter"),
        ("nh3", "gql.markup"),
        ("pyromark", "gql.markup"),
        ("tinydb", "store.engines.tinydb.files.storage"),
        ("pyroaring", "store.collections.bitmaps"),
        ("cryptography", "store.querying.cursors"),
        ("typer", "gql.cli"),
        ("rich", "gql.cli"),
        ("uvicorn", "gql.adapters.uvicorn"),
        ("pydantic", "gql.settings"),
        ("pydantic_settings", "gql.settings"),
        ("dotenv", "gql.settings"),
        ("jwt", "gql.access.tokens"),
        ("limits", "gql.access.rate_limiter"),
    ],
)
def test_library_at_an_edge_has_one_place(library, module):
    """A library that can be exchanged is imported by one module (or one package) only."""
    found = importers(library)
    assert found
    places = module.split()
    assert {name for name in found if not any(within(name, each) for each in places)} == set()


DOCUMENTED = {
    "graphql": [],
    "strawberry": [
        "strawberry.dataloader",
        "strawberry.scalars",
        "strawberry.schema.config",
        "strawberry.schema_directive",
    ],
}
"""The documented modules of libraries, besides what the library itself exports."""

PRIVATE = ("_schema", "_raw_info", "schema_converter", "base_resolver", "strawberry-definition")
"""Attributes and keys of Strawberry and graphql-core that are no public interface."""


@pytest.mark.parametrize("library", DOCUMENTED)
def test_undocumented_modules_of_libraries_are_imported_by_their_adapter(library):
    """What may change in any release is used in one module, whose test says when it has changed."""
    undocumented = {
        module: source
        for module, found in IMPORTS.items()
        for source, _ in found
        if within(source, library) and source != library
        if not any(within(source, each) for each in DOCUMENTED[library])
        if not within(module, "gql.adapters")
    }
    assert undocumented == {}


def test_private_attributes_of_libraries_are_used_by_their_adapter():
    """The same for attributes of objects that libraries give."""
    used = {
        module: name
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        for name in PRIVATE
        if (isinstance(node, ast.Attribute) and node.attr == name and not is_own(node))
        or (isinstance(node, ast.Constant) and node.value == name and "-" in name)
        if not within(module, "gql.adapters")
    }
    assert used == {}


def is_own(node: ast.Attribute) -> bool:
    """Whether an attribute is one of the object itself, which may be named like a library's."""
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def test_imports_run_in_no_circle():
    """Modules can be ordered so that each imports only those before it."""
    graph = {
        module: {source for source, _ in found if source in SOURCES and source != module}
        for module, found in IMPORTS.items()
    }
    order = list(TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert set(order) == set(SOURCES)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_exports_are_what_others_import(package):
    """`__all__` holds all that others import from the package; without it they import nothing."""
    module = importlib.import_module(package)
    exported = list(getattr(module, "__all__", []))
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
