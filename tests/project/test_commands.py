"""The commands of the Makefile, the hooks of pre-commit and .gitignore agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
OF_THE_USER = {".env", "newsgraph.json*"}
"""Ignored files that people make by hand, or that hold what they wrote."""


def recipe(target: str) -> list[str]:
    """The commands of a target."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n?)+)", MAKEFILE, re.MULTILINE)
    assert found, target
    return [line.strip() for line in found[1].splitlines()]


def test_hooks_run_what_ci_runs():
    """`make lint types` and pre-commit have the same commands."""
    [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"] for hook in local["hooks"]]
    commands = [*recipe("lint"), *recipe("types")]
    assert entries == [command.replace("$(BIN)", ".venv/bin") for command in commands]
    assert "make lint types" in (ROOT / ".ci" / "run").read_text()


def test_clean_removes_all_that_is_ignored():
    """What git ignores was made by a command, and goes; the user's files stay."""
    removed = {
        name.rpartition("/")[2] or name
        for line in recipe("clean")
        for name in line.replace("$(VENV)", ".venv").split()
    }
    lines = (ROOT / ".gitignore").read_text().split()
    ignored = {line.strip("/").rpartition("/")[2] for line in lines}
    assert ignored - removed == OF_THE_USER


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")
def test_help_names_all_commands():
    """Whoever calls `make` alone sees them, and nothing else happens."""
    [targets] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    # `make test` runs this test: its flags are not those of a call by hand.
    environment = {name: each for name, each in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert [line.split()[1] for line in done.stdout.splitlines()] == targets.split()
