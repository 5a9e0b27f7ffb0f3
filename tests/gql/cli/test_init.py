"""`newsgraph init`: folders of other tools become articles by the mapping that it proposes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
from typer.testing import CliRunner

from gql.cli.main import app
from store.errors import StoreError

JEKYLL = {
    "_config.yml": "title: A Blog\nurl: https://blog.example\n",
    "_posts/2020-01-02-first.md": "---\ntitle: First\ntags: one two\n---\nText\n",
    "_posts/2020-01-03-second.md": "---\ntitle: Second\ncategories: [x, y]\n---\nText\n",
    "_drafts/later.md": "---\ntitle: Later\ndate: 2020-02-02\n---\n",
    "_layouts/post.html": "---\nlayout: default\n---\n{{ content }}",
    "README.md": "# A blog\n",
}
HUGO = {
    "hugo.toml": "baseURL = 'https://notes.example/'\ntitle = \"It's notes\"\n",
    "content/posts/first/index.md": "+++\ntitle = 'One'\ndate = 2020-01-02\n+++\nText\n",
    "content/posts/second.md": "---\ntitle: Two\ndate: 2020-01-03\nlastmod: 2020-02-03\n"
    "featured_image: /img/two.png\ndescription: About two\n---\nText\n",
    "content/about.md": "---\ntitle: About\n---\n",
    "layouts/index.html": "<h1>x</h1>",
}
ASTRO = {
    "astro.config.mjs": "export default defineConfig({\n  site: 'https://astro.example',\n})\n",
    "src/content/blog/one.mdx": "---\ntitle: One\npubDate: 2020-01-02\nheroImage: /a.png\n---\n",
    "src/content/blog/two.md": "---\ntitle: Two\npubDate: 2020-01-03\n---\nText\n",
    "src/pages/index.md": "---\nlayout: x\n---\n",
}


def make(folder, files):
    """Write files into a folder."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def run(command, code=0):
    """The output of a command with this exit code."""
    result = CliRunner().invoke(app, shlex.split(command))
    if code == 0:
        assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.mark.parametrize(
    ("files", "titles", "expected"),
    [
        (JEKYLL, {"First", "Second"}, {"tags", "topics"}),
        (HUGO, {"One", "Two"}, {"images", "excerpt", "updatedDateTime"}),
        (ASTRO, {"One", "Two"}, {"images"}),
    ],
    ids=["jekyll", "hugo", "astro"],
)
def test_init_makes_articles_of_the_documents_of_other_tools(tmp_path, files, titles, expected):
    """Two commands: every document with a title and a date is an article."""
    folder = make(tmp_path / "site", files)
    run(f"init {folder} --yes")
    mapping = tomllib.loads((folder / "newsgraph.toml").read_text())["documents"]
    assert expected <= mapping["fields"].keys()
    assert mapping["provider"]["domain"].endswith(".example")
    assert "in" in run(f"check {folder}", code=None)
    run(f"load {folder}")
    found = run(
        f"query --store {folder}/.newsgraph/store.json '{{ articles {{ nodes {{ title }} }} }}'"
    )
    assert {title for title in titles if f'"{title}"' in found} == titles


def test_init_counts_languages_and_keeps_their_documents_apart(tmp_path):
    """A slug in several languages is an article in each."""
    text = "---\ntitle: Title\nlang: {}\n---\nText\n"
    files = {
        f"{locale}/news/_posts/2020-01-0{day}-first.md": text.format(locale)
        for locale, days in (("en", (2, 3)), ("ja", (2, 3)), ("it", (2,)))
        for day in days
    }
    folder = make(tmp_path / "site", {"_config.yml": "url: https://blog.example\n"} | files)
    output = run(f"init {folder} --yes")
    assert "3 languages: en 2, ja 2, it 1" in output
    assert "5 articles of 5 files" in output
    mapping = tomllib.loads((folder / "newsgraph.toml").read_text())["documents"]
    assert mapping["locales"] == ["en", "it", "ja"]


def test_init_changes_no_document_and_no_mapping(tmp_path):
    """It writes one file, and only with leave; a mapping of the user's stays."""
    folder = make(tmp_path / "site", JEKYLL)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert "Nothing was written" in run(f"init {folder}")
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before
    make(folder, {"newsgraph.toml": "[documents]\nbase_url = 'https://mine.example/'\n"})
    assert "It was not changed" in run(f"init {folder} --yes")
    assert "mine.example" in (folder / "newsgraph.toml").read_text()


def test_init_keeps_the_settings_in_the_file(tmp_path):
    """The file may have settings; the table is added behind them."""
    folder = make(tmp_path / "site", {**JEKYLL, "newsgraph.toml": "port = 8080\n"})
    run(f"init {folder} --yes")
    content = tomllib.loads((folder / "newsgraph.toml").read_text())
    assert content["port"] == 8080
    assert "documents" in content


def test_init_writes_over_no_link(tmp_path):
    """In a stranger's folder it may name a file that a shell executes."""
    make(tmp_path / "blog", JEKYLL)
    (tmp_path / "blog" / "newsgraph.toml").symlink_to(tmp_path / "profile")
    result = CliRunner().invoke(app, ["init", str(tmp_path / "blog"), "--yes"])
    assert "is a link" in str(result.exception)
    assert not (tmp_path / "profile").exists()


def test_init_counts_drafts_by_all_their_signs(tmp_path):
    """`draft`, `published`, `status`, and the folder."""
    signs = ["draft: yes", "published: false", "status: Draft", "draft: false", "status: live"]
    head = "---\ntitle: A\ndate: 2020-01-02\n"
    files = {f"posts/{i}.md": f"{head}{sign}\n---\n" for i, sign in enumerate(signs)}
    make(tmp_path, files | {"_drafts/a.md": f"{head}---\n"})
    assert "4 drafts" in run(f"init {tmp_path}")


def test_init_of_a_folder_without_documents_says_so(tmp_path):
    """An empty folder has nothing to map."""
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert isinstance(result.exception, StoreError)
    assert "No document with front matter" in str(result.exception)


def test_check_points_to_init_if_no_document_fits(tmp_path):
    """A newcomer with a blog learns what to do."""
    folder = make(tmp_path / "site", JEKYLL)
    assert f"newsgraph init {folder}" in run(f"check {folder}", code=1)


def test_config_shows_the_mapping(tmp_path, monkeypatch):
    """The mapping of the folder is part of the configuration."""
    folder = make(tmp_path / "site", JEKYLL)
    run(f"init {folder} --yes")
    monkeypatch.chdir(folder)
    assert "https://blog.example/" in run("config --folder .")


_WITHOUT_RIGHTS = (
    *("setpriv", "--bounding-set", "-dac_override,-dac_read_search"),
    *("--inh-caps", "-dac_override,-dac_read_search"),
)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads all")
@pytest.mark.parametrize(
    ("mode", "message"),
    [(0o000, "cannot be read"), (0o111, "cannot be read"), (0o555, "cannot be written")],
)
def test_init_says_which_right_is_missing(tmp_path, mode, message):
    """A folder that cannot be listed is no folder without documents. The exit code is 3."""
    folder = make(tmp_path / "site", JEKYLL)
    folder.chmod(mode)
    command = [sys.executable, "-m", "gql", "init", str(folder), "--yes"]
    prefix = _WITHOUT_RIGHTS if os.geteuid() == 0 else ()
    result = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    folder.chmod(0o755)
    assert result.returncode == 3
    assert message in result.stderr
    assert "Give" in result.stderr


def test_init_proposes_dates_of_git_for_documents_without_dates(tmp_path):
    """Documentation in a repository becomes articles with two commands."""
    folder = make(tmp_path / "site", {"docs/a.md": "---\ntitle: A page\n---\nText\n"})
    who = ("-c", "user.name=a", "-c", "user.email=a@a.example")
    for arguments in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "x")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    output = run(f"init {folder} --yes")
    assert "No document has a date" in output
    assert "1 article of 1 file" in output
    assert f"newsgraph serve {folder}" in output
    assert "1 article" in run(f"load {folder}")
