"""The folder scanner: any depth, and safe against hostile names."""

import os
from pathlib import Path

from store.documents.diagnostics import DiagnosticCode
from store.filesystem.file_state import FileState
from store.folder.scanner import Scanner


def write(folder, *paths):
    """Make files, with the folders they are in."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")


def paths(folder, *include):
    """Return the paths of a scan."""
    return [f.path for f in Scanner(folder, frozenset(include)).scan()]


def codes(folder):
    """Return the problems of a scan by path."""
    return {f.path: f.problem.code for f in Scanner(folder).scan() if f.problem}


def test_scan_finds_documents_at_any_depth_by_path(tmp_path):
    """All six extensions are included, in upper and lower case; other files are not."""
    found = ["a/b/c/d.md", "b.MARKDOWN", "c.html", "d.txt", "e.yaml", "f.Yml"]
    write(tmp_path, *reversed(found), "g.png", "md", "h.md.bak")
    assert paths(tmp_path) == found


def test_scan_tells_the_state_of_a_file(tmp_path):
    """The state of a file shows any change."""
    write(tmp_path, "a.md")
    os.utime(tmp_path / "a.md", ns=(5, 5))
    (found,) = Scanner(tmp_path).scan()
    assert (found.state, found.problem) == (FileState.of((tmp_path / "a.md").stat()), None)
    assert (found.state.size_bytes, found.state.mtime_ns) == (1, 5)


def test_scan_skips_hidden_and_underscore_folders_unless_asked(tmp_path):
    """Of underscore folders only _news, _posts and the topic tree are documents."""
    write(tmp_path, "_news/a.md", "x/_posts/b.md", "_drafts/c.md", ".git/d.md", ".e.md", "_f.md")
    write(tmp_path, "_data/topics/t.yaml", "_data/topics/t.md", "_data/other/u.yaml", "_data/v.yml")
    usual = ["_data/topics/t.yaml", "_f.md", "_news/a.md", "x/_posts/b.md"]
    assert paths(tmp_path) == usual
    assert paths(tmp_path, "_drafts", ".e.md") == sorted([*usual, "_drafts/c.md", ".e.md"])


def test_scan_skips_temporary_files_of_editors(tmp_path):
    """A file that an editor makes while it saves is never loaded; a folder of such a name is."""
    write(tmp_path, "a.md", "a.tmp.md", "~$a.md", "#a.md#", "a.md~", "4913", "b.tmp.md/c.md")
    assert paths(tmp_path) == ["a.md", "b.tmp.md/c.md"]


def test_scan_handles_links(tmp_path):
    """File links inside are read; none is followed out of the folder or into another."""
    root = tmp_path / "root"
    write(root, "real/a.md")
    write(tmp_path, "outside/b.md", "root2/c.md")
    (root / "file.md").symlink_to("real/a.md")
    (root / "folder").symlink_to("real")
    (root / "dangling.md").symlink_to("nowhere")
    (root / "circle.md").symlink_to("circle.md")
    (root / "out.md").symlink_to(tmp_path / "outside/b.md")
    (root / "outs").symlink_to(tmp_path / "outside")
    (root / "sibling").symlink_to(tmp_path / "root2")
    (root / "out.png").symlink_to(tmp_path / "outside/b.md")
    assert codes(root) == {
        "dangling.md": DiagnosticCode.DANGLING_LINK,
        "circle.md": DiagnosticCode.DANGLING_LINK,
        "out.md": DiagnosticCode.LINK_LEAVES_FOLDER,
        "outs": DiagnosticCode.LINK_LEAVES_FOLDER,
        "sibling": DiagnosticCode.LINK_LEAVES_FOLDER,
    }
    assert [f.path for f in Scanner(root).scan() if not f.problem] == ["file.md", "real/a.md"]


def test_scan_tells_of_names_that_are_not_utf8(tmp_path):
    """A name of other bytes is a diagnostic that can be printed."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).touch()
    assert codes(tmp_path) == {"\\udcff.md": DiagnosticCode.UNREADABLE_FILE}


def test_scan_never_opens_pipes(tmp_path):
    """A pipe with a document's extension is reported and never opened."""
    os.mkfifo(tmp_path / "a.md")
    assert codes(tmp_path) == {"a.md": DiagnosticCode.UNREADABLE_FILE}


def test_look_finds_what_a_scan_would_find_there(tmp_path):
    """`scan_paths` obeys the rules of a scan."""
    write(tmp_path, "a/b.md", "a/c/d.md", "_drafts/e.md", ".git/f.md", "_data/g.yaml", "h.png")
    (tmp_path / "link").symlink_to("a")
    scanner = Scanner(tmp_path)
    everything = [f.path for f in scanner.scan()]
    assert [f.path for f in scanner.scan_paths(["a"])] == ["a/b.md", "a/c/d.md"]
    assert [f.path for f in scanner.scan_paths(["a/b.md", "a/b.md"])] == ["a/b.md"]
    assert [
        f.path for f in scanner.scan_paths(["a", "_drafts", ".git", "_data", "h.png"])
    ] == everything
    skipped = ["_drafts/e.md", ".git/f.md", "_data/g.yaml", "h.png", "link/b.md", "nothing.md"]
    assert scanner.scan_paths([*skipped, "../a/b.md", "a/../a/b.md", ""]) == []
