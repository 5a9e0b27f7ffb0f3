"""API keys: the key file, the key ring and the commands."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typer.testing import CliRunner

from gql.access import KeyFile, KeyFileError, KeyRing, build_authenticator, key_ring, parse_expiry
from gql.cli.main import app
from gql.identity.viewer import Permission
from gql.settings import load_settings
from store.filesystem.file_lock import lock_file

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def keys(tmp_path):
    """A key file that does not exist yet."""
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def ring(keys, monkeypatch):
    """The key ring of that file, which checks it at each use."""
    monkeypatch.setattr(key_ring, "CHECK_INTERVAL_S", 0)
    return KeyRing(keys)


def test_key_is_found_with_its_name_and_scopes(keys, ring):
    """Also among other keys."""
    text, made = keys.add("newsroom", [Permission.WRITE, Permission.READ_SECURED], TOMORROW)
    keys.add("other", [Permission.ADMIN])
    assert ring.find(text) == made
    assert (made.name, made.scopes) == ("newsroom", (Permission.READ_SECURED, Permission.WRITE))


def test_key_is_not_in_its_file(keys):
    """Neither the key nor its secret, only its last characters."""
    text, made = keys.add("newsroom", [Permission.WRITE])
    stored = keys.path.read_text()
    assert text not in stored
    assert text.split("_", 2)[2] not in stored
    assert text.endswith(made.hint)
    assert len(made.hint) == 4


def test_key_file_is_for_its_owner_only(keys):
    """Mode 0600, also after changes."""
    keys.add("one", [Permission.WRITE])
    keys.add("two", [Permission.WRITE])
    keys.revoke("one")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o664, 0o650])
def test_command_line_closes_a_key_file_to_others(tmp_path, mode):
    """Access of others is removed, with a warning; the group may read."""
    file = tmp_path / "keys.json"
    KeyFile(file).add("one", [])
    file.chmod(mode)
    for arguments in (("add", "two", "--scope", "WRITE"), ("revoke", "one")):
        done = run(*arguments, "--keys", file)
        assert done.exit_code == 0
        assert (f"mode {mode:04o}" in done.stderr) is (arguments[0] == "add")
    assert stat.S_IMODE(file.stat().st_mode) == mode & 0o640
    assert [key.name for key in KeyFile(file).read()] == ["two"]


def test_world_writable_key_file_is_refused(keys, ring):
    """No key in it is accepted, and none is added."""
    text, _ = keys.add("one", [Permission.ADMIN])
    keys.path.chmod(0o666)
    for use in (keys.read, lambda: keys.add("two", []), lambda: ring.find(text)):
        with pytest.raises(KeyFileError, match=r"Any user may write.*chmod 600 .*keys\.json"):
            use()
    assert run("add", "two", "--scope", "WRITE", "--keys", keys.path).exit_code
    with pytest.raises(KeyFileError, match="Any user may write"):
        build_authenticator(load_settings({"keys": keys.path}))


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o660, 1)])
def test_server_warns_of_a_key_file_that_others_can_read(keys, mode, warned):
    """At its start, with the remedy; keys still work."""
    text, _ = keys.add("one", [])
    keys.path.chmod(mode)
    with capture_logs() as logs:
        made = build_authenticator(load_settings({"keys": keys.path}))
    assert len(logs) == warned
    assert all(f"{mode:04o}" in log["reason"] and "chmod 600" in log["remedy"] for log in logs)
    assert made.keys.find(text)


def test_server_logs_at_its_start_that_it_cannot_read_the_keys(keys):
    """Before the first request with a key fails; anonymous requests are served."""
    keys.path.write_text("no JSON")
    keys.path.chmod(0o600)
    with capture_logs() as logs:
        build_authenticator(load_settings({"keys": keys.path}))
    [line] = logs
    assert (line["event"], line["log_level"]) == ("authentication_unavailable", "error")
    assert "is not a key file" in line["reason"]


def test_unreadable_key_file_has_a_command_as_its_remedy(keys, monkeypatch):
    """It gives the file to the user that runs the server."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(KeyFileError, match=f"chown {os.geteuid()} .*keys.json"):
        keys.read()


def test_key_file_behind_a_link_stays_there(tmp_path, keys):
    """The link leads to the new keys, and is still a link."""
    link = tmp_path / "link.json"
    keys.add("one", [])
    link.symlink_to(keys.path)
    KeyFile(link).add("two", [])
    assert link.is_symlink()
    assert [key.name for key in keys.read()] == ["one", "two"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_key_file_keeps_its_owner(keys):
    """A key file that root changes stays readable by the server's user."""
    keys.add("one", [])
    os.chown(keys.path, 12_345, 12_346)
    keys.add("two", [])
    found = keys.path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12_345, 12_346, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_key_file_that_root_makes_belongs_to_the_owner_of_its_folder(keys):
    """A server under that user can read it; as the lock file is its own, it can add keys."""
    os.chown(keys.path.parent, 12_345, 12_346)
    keys.add("one", [])
    for file in (keys.path, lock_file(keys.path)):
        found = file.stat()
        mode = stat.S_IMODE(found.st_mode)
        assert (found.st_uid, found.st_gid, mode) == (12_345, 12_346, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_first_key_of_a_folder_belongs_to_the_owner_of_the_documents(tmp_path):
    """So does the folder of the store that is made for it: a server under that user can write."""
    os.chown(tmp_path, 12_345, 12_346)
    assert run("add", "ed", "--scope", "WRITE", "--folder", tmp_path).exit_code == 0
    made = tmp_path / ".newsgraph"
    assert {path.name for path in made.iterdir()} >= {"keys.json", ".gitignore"}
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (made, *made.iterdir())}
    assert owners == {(12_345, 12_346)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_lock_file_with_a_second_link_is_not_given_away(keys, tmp_path):
    """The owner of a folder could link a file of root there, to get it."""
    secret = tmp_path / "secret"
    secret.write_text("")
    os.link(secret, lock_file(keys.path))
    os.chown(tmp_path, 12_345, 12_346)
    keys.add("one", [])
    assert secret.stat().st_uid == 0


def test_keys_differ(keys):
    """In id and secret."""
    parts = [keys.add(f"key{number}", [])[0].split("_", 2)[1:] for number in range(20)]
    assert len({part for pair in parts for part in pair}) == 40


@given(st.data())
def test_key_with_anything_changed_is_not_found(tmp_path_factory, data):
    """One character changed, added or removed."""
    keys = KeyFile(tmp_path_factory.mktemp("keys") / "keys.json")
    text, _ = keys.add("newsroom", [Permission.WRITE])
    position = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.sampled_from(["", "a", "_", " ", "é", "\0"]))
    changed = text[:position] + inserted + text[position + data.draw(st.integers(0, 2)) :]
    found = KeyRing(keys).find(changed)
    assert (found is not None) is (changed == text)


def test_key_is_not_opened_by_the_secret_of_another(keys, ring):
    """The id of one key with the secret of another is no key."""
    (one, _), (two, _) = keys.add("one", [Permission.ADMIN]), keys.add("two", [])
    assert ring.find("_".join([*one.split("_")[:2], two.split("_", 2)[2]])) is None


def test_key_that_has_expired_is_not_found(keys, ring):
    """From its expiry on."""
    over, _ = keys.add("over", [Permission.ADMIN], datetime.now(UTC))
    text, _ = keys.add("running", [Permission.ADMIN], TOMORROW)
    assert ring.find(over) is None
    assert ring.find(text)


def test_key_that_is_revoked_is_not_found(keys, ring):
    """A running server notices; other keys keep working."""
    (one, _), (two, _) = keys.add("one", []), keys.add("two", [])
    assert ring.find(one)
    keys.revoke("one")
    assert ring.find(one) is None
    assert ring.find(two)


def test_key_file_is_checked_at_intervals(keys):
    """So most requests need no system call; within the interval a change goes unnoticed."""
    one, _ = keys.add("one", [])
    ring = KeyRing(keys)
    assert ring.find(one)
    keys.revoke("one")
    assert ring.find(one)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "é", "jwt:x", "a\n"])
def test_invalid_key_name_is_refused(keys, name):
    """The message names the allowed characters."""
    with pytest.raises(KeyFileError, match="up to 64 letters"):
        keys.add(name, [])
    assert not keys.path.exists() or keys.read() == ()


def test_key_name_is_unique(keys):
    """Since `revoke` takes a name."""
    keys.add("one", [])
    with pytest.raises(KeyFileError, match="newsgraph keys revoke one"):
        keys.add("one", [])
    assert len(keys.read()) == 1


def test_unknown_key_cannot_be_revoked(keys):
    """The message lists the keys."""
    keys.add("one", [])
    with pytest.raises(KeyFileError, match=r"no key named two.*It has: one"):
        keys.revoke("two")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"keys": [{}]}', '{"keys": [], "version": 2}', "\0"]
)
def test_invalid_key_file_is_refused(keys, ring, content):
    """No key is accepted, and the file is not overwritten."""
    keys.path.write_text(content)
    for use in (
        keys.read,
        lambda: keys.add("one", []),
        lambda: ring.find("ng_" + "0" * 12 + "_" + "a" * 43),
    ):
        with pytest.raises(KeyFileError, match=r"keys\.json is not a key file"):
            use()
    assert keys.path.read_text() == content


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1d", datetime(2026, 6, 2, 12, tzinfo=UTC)),
        ("90d", datetime(2026, 8, 30, 12, tzinfo=UTC)),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_expiry_is_a_number_of_days_or_a_date(text, moment):
    """Days count from now; a date means its beginning, in UTC."""
    assert parse_expiry(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5d", "90", "soon", "2026-13-01", "99999d99"])
def test_invalid_expiry_is_refused(text):
    """The message shows how to write it."""
    with pytest.raises(KeyFileError, match="such as 90d"):
        parse_expiry(text, NOW)


def test_expiry_in_the_past_is_refused():
    """Such a key would never work."""
    with pytest.raises(KeyFileError, match="is in the past"):
        parse_expiry("2026-06-01", NOW)


def run(*arguments):
    """Run a command on keys, and return its output and exit code."""
    return CliRunner().invoke(app, ["keys", *map(str, arguments)])


def test_command_line_shows_a_key_once(tmp_path):
    """`add` prints it, `list` does not, and `revoke` deletes it."""
    option = ("--keys", tmp_path / "keys.json")
    added = run("add", "ed", "--scope", "WRITE", "--expires", "90d", *option)
    text = added.stdout.split()[0]
    assert KeyRing(KeyFile(tmp_path / "keys.json")).find(text)
    for listed in (run("list", *option), run("list", "--json", *option)):
        assert "ed" in listed.stdout
        assert text[-4:] in listed.stdout
        assert text not in listed.output
    [row] = json.loads(listed.stdout)
    assert (row["name"], row["scopes"], row["expired"]) == ("ed", ["WRITE"], False)
    assert run("revoke", "ed", *option).exit_code == 0
    assert json.loads(run("list", "--json", *option).stdout) == []


def test_command_line_keeps_keys_beside_the_store(tmp_path):
    """Without `--keys` they are in the store's folder, where the server looks."""
    run("add", "ed", "--scope", "WRITE", "--store", tmp_path / "store.json")
    assert [key.name for key in KeyFile(tmp_path / "keys.json").read()] == ["ed"]


def test_commands_in_messages_name_the_key_file(tmp_path):
    """They can be copied, also where the file has a name that a shell would split."""
    file = tmp_path / "my keys.json"
    option = f"--keys '{file}'"
    assert option in run("list", "--keys", file).stdout
    run("add", "ed", "--scope", "WRITE", "--keys", file)
    with pytest.raises(KeyFileError, match="newsgraph keys revoke ed") as caught:
        KeyFile(file).add("ed", [])
    assert option in str(caught.value)
