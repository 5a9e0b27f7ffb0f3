"""The tested environment has exactly the packages of the lock files."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = re.compile(r"^[A-Za-z0-9][^\\\n]*?(?= *\\?$)(?:.*\n {4}--hash=.*)*", re.MULTILINE)
OF_EVERY_ENVIRONMENT = {"pip", "setuptools", "newsgraph"}


def pins(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file that this platform has, by name."""
    found: dict[str, Requirement] = {}
    for entry in PINNED.findall((ROOT / name).read_text()):
        requirement = Requirement(entry.partition("\\")[0])
        assert "--hash=sha256:" in entry, f"{requirement} has no hash in {name}"
        if requirement.marker is None or requirement.marker.evaluate():
            found[canonicalize_name(requirement.name)] = requirement
    return found


PROGRAM, TESTS = pins("requirements.lock"), pins("requirements-dev.lock")


def version(requirement: Requirement) -> str:
    """The version that a lock file names."""
    [specifier] = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def test_environment_is_what_the_locks_say():
    """Every package is there in its version; one that no lock has may hide one that is missing."""
    installed = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    others = {name: found for name, found in installed.items() if name not in OF_EVERY_ENVIRONMENT}
    pinned = {name: version(requirement) for name, requirement in (PROGRAM | TESTS).items()}
    assert others == pinned, "Make the environment anew: make clean test"


def test_tests_run_with_what_the_program_is_shipped_with():
    """The lock of the tests adds packages, and changes none."""
    assert {name: version(TESTS[name]) for name in PROGRAM} == {
        name: version(requirement) for name, requirement in PROGRAM.items()
    }


@pytest.mark.parametrize("text", PYPROJECT["project"]["dependencies"])
def test_locked_version_is_one_that_the_project_allows(text):
    """Who installs without the lock may get it, too."""
    requirement = Requirement(text)
    if requirement.marker is None or requirement.marker.evaluate():
        assert requirement.specifier.contains(version(PROGRAM[canonicalize_name(requirement.name)]))


def test_what_builds_the_package_is_pinned():
    """It is fetched whenever the package is installed, and runs its own code."""
    for text in PYPROJECT["build-system"]["requires"]:
        assert version(Requirement(text))
