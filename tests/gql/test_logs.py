"""The log, in its formats for people and for machines."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from gql.logs import configure_logging, get_logger
from tests.support.auth_client import (
    auth_client,
)


@pytest.fixture(autouse=True)
def own_logging():
    """The logging of the tests is as before, afterwards."""
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers[:], root.level, server.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    server.setLevel(before[2])
    structlog.reset_defaults()


def failing(secret: str) -> None:
    """Fail with a secret at hand."""
    raise RuntimeError(f"it has {len(secret)} characters")


@pytest.mark.parametrize("format", ["console", "json"])
def test_log_of_an_exception_has_its_traceback_without_values(capsys, format):
    """Variables may hold secrets."""
    configure_logging("info", format)
    try:
        failing("hunter2")
    except RuntimeError as error:
        get_logger().error("internal_error", id="abc", exc_info=error)
    err = capsys.readouterr().err
    for told in ("internal_error", "abc", "it has 7 characters", "failing", "test_logs.py"):
        assert told in err
    assert "hunter2" not in err.replace('failing("hunter2")', "")  # the source may be shown


def test_json_log_has_one_object_a_line(capsys):
    """Events of libraries have the same format."""
    configure_logging("info", "json")
    get_logger().info("loaded", articles=3)
    logging.getLogger("some.library").warning("it is %s", "late")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["articles"]) == ("loaded", "info", 3)
    assert (theirs["event"], theirs["level"]) == ("it is late", "warning")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize(("level", "kept"), [("debug", 3), ("info", 2), ("error", 1)])
def test_log_level_is_the_lowest_level_that_is_written(capsys, level, kept):
    """For each setting."""
    configure_logging(level, "json")
    log = get_logger()
    log.debug("a")
    log.info("b")
    log.error("c")
    assert len(capsys.readouterr().err.splitlines()) == kept


@pytest.mark.parametrize("format", ["console", "json"])
def test_log_escapes_control_characters(capsys, format):
    """Values of clients cannot colour a terminal, fake a line or reverse one."""
    configure_logging("info", format)
    bad = "a\x1b[31m\r\n\x9b\u202e\u2028\x07b"
    log = get_logger()
    log.info("request", path=bad, errors=[bad], agent=bad)
    logging.getLogger("uvicorn.error").warning("%s", bad)
    try:
        raise RuntimeError(bad)
    except RuntimeError as error:
        log.error("internal_error", exc_info=error)
    err = capsys.readouterr().err
    assert not set(err) & set(bad) - set("a[31mb\n")
    assert len([line for line in err.splitlines() if line.startswith("\x9b")]) == 0
    if format == "console":
        assert r"a\x1b[31m\r\n\x9b\u202e" in err


def test_log_of_a_request_escapes_its_path(tmp_path, capsys):
    """A path with ANSI escape sequences is one line of plain text."""
    client = auth_client(tmp_path)
    configure_logging("info", "console")
    client.get("/%1b%5b31mred%0a%e2%80%ae")
    [line] = [line for line in capsys.readouterr().err.splitlines() if "method=" in line]
    assert r"/\x1b[31mred\n\u202e" in line
