"""Survey and proposal: folders with the habits of many tools, and the mapping that fits them."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from store import LoadOptions, check_folder
from store.documents.article_reader import read_article
from store.documents.commit_dates import CommitDates, CommitTable
from store.documents.frontmatter import ParseOptions
from store.folder.mapping_proposal import propose_mapping
from store.folder.survey import survey_folder
from store.model import Severity

OPTIONS = ParseOptions()


def document(**keys):
    """A document with these keys."""
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\nText\n"


def make(folder, files):
    """Write files into a folder."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def propose(folder, files):
    """The proposal for a folder of files."""
    return propose_mapping(survey_folder(make(folder, files), OPTIONS))


def load(folder, files):
    """The number of articles with the proposal, and the diagnostics."""
    mapping = propose(folder, files)
    options = LoadOptions(parsing=ParseOptions(mapping=mapping))
    report, diagnostics = asyncio.run(check_folder(folder, options))
    return report.articles, diagnostics


DATED = document(title="A", date="2020-01-02")
UNDATED = document(title="Page")


@pytest.mark.parametrize(
    ("files", "collections"),
    [
        ({"_posts/2020-01-02-a.md": DATED, "about.md": UNDATED}, ("_posts",)),
        ({"_posts/2020-01-02-a.md": DATED, "_drafts/b.md": UNDATED}, ("_posts", "_drafts")),
        ({"_talks/a.md": DATED, "_posts/2020-01-03-b.md": DATED}, ("_posts", "_talks")),
        (
            {"site/_posts/2020-01-02-a.md": DATED, "site/_drafts/b.md": UNDATED},
            ("site/_posts", "site/_drafts"),
        ),
        (
            {"content/news/a.md": DATED, "content/_old/b.md": DATED},
            ("content", "content/_old"),
        ),
        (
            {"docs/news/a.md": DATED} | {f"docs/guide/{i}.md": UNDATED for i in range(9)},
            ("docs/news",),
        ),
        (
            {"blog/a.md": DATED, "i18n/ko/blog/a.md": DATED, "docs/x.md": UNDATED},
            ("blog", "i18n"),
        ),
        ({"a.md": DATED, "b.md": DATED}, ()),
        ({"content/posts/2020/a.md": DATED}, ("content/posts",)),
        ({"content/blog/first/index.md": DATED}, ("content/blog",)),
        ({"public/first/index.md": DATED, "docs/x.md": UNDATED}, ("public",)),
        ({"content/a.md": DATED, "public/a.md": DATED, "archetypes/x.md": DATED}, ("content",)),
        ({"posts/a.md": DATED, "node_modules/x/a.md": DATED}, ("posts",)),
    ],
)
def test_collections_are_the_folders_whose_documents_have_dates(tmp_path, files, collections):
    """All dated documents are read, and few others. What tools build or ship is left out."""
    assert propose(tmp_path, files).collections == collections


def test_collections_do_not_list_each_folder_of_a_document(tmp_path):
    """A folder whose documents lie in a folder each is one collection."""
    files = {f"posts/{i}/index.md": DATED for i in range(9)}
    files |= {f"posts/x{i}/index.md": UNDATED for i in range(20)}
    assert propose(tmp_path, files).collections == ("posts",)


def test_drafts_of_jekyll_are_drafts(tmp_path):
    """A document in _drafts becomes a draft, with or without a date in its name."""
    files = {
        "_config.yml": "title: A\n",
        "_posts/2020-01-02-a.md": document(title="A"),
        "_drafts/b.md": document(title="B", date="2020-01-03"),
    }
    articles, diagnostics = load(tmp_path, files)
    assert articles == 2
    assert not diagnostics


@pytest.mark.parametrize(
    "date",
    [
        "2020-01-02",
        "30 Nov 2021",
        "Nov 30, 2021",
        "November 30th 2021",
        "Tue Nov 30 2021",
        "Tue, 30 Nov 2021 10:00:00 +0000",
        "Sept. 1, 2021 3:04 PM",
        "2021/1/2 10:00:00",
        "2021.01.02",
    ],
)
def test_dates_in_the_forms_of_people_are_found(tmp_path, date):
    """A key with dates in words is a date like any other."""
    articles, diagnostics = load(tmp_path, {"a.md": document(title="A", publishDate=f'"{date}"')})
    assert articles == 1
    assert not diagnostics


@pytest.mark.parametrize("key", ["Date", "fecha", "veroeffentlicht"])
def test_date_is_found_under_a_key_of_another_case_or_language(tmp_path, key):
    """Without a usual name, the key that holds dates in many documents is the date."""
    files = {f"{i}.md": document(Title="A", **{key: f"2020-01-0{i}"}) for i in range(1, 4)}
    assert load(tmp_path, files)[0] == 3


def test_date_of_expiry_or_change_is_no_date_of_publication(tmp_path):
    """A proposal never takes such a date instead of the missing one."""
    keys = {"expiryDate": "2030-01-01", "last_edit": "2020-01-01", "updatedOn": "2020-01-01"}
    mapping = propose(tmp_path, {"a.md": document(title="A", **keys)})
    assert "publishedDateTime" not in mapping.fields


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("_config.yml", "title: X\nurl: https://blog.example\n"),
        ("blog/config.toml", 'base_url = "https://blog.example"\n'),
        ("hugo.yml", "baseURL: https://blog.example/\n"),
        ("docusaurus.config.js", "module.exports = {\n  url: 'https://blog.example',\n};\n"),
        ("gatsby-config.js", "siteMetadata: {\n  siteUrl: `https://blog.example`,\n}\n"),
        (
            "docusaurus.config.js",
            "const siteURL = process.env.URL || 'https://blog.example';\nx = { url: siteURL }\n",
        ),
        (
            "nuxt.config.ts",
            (
                "image: { baseURL: 'https://img.example/a/b/' },\nurl: `https://x.example/${id}`,"
                "\nsite: { url: 'https://blog.example' }\n"
            ),
        ),
        ("pelicanconf.py", "SITEURL = 'https://blog.example'\n"),
        ("static/CNAME", "blog.example\n"),
        ("package.json", '{"homepage": "https://blog.example/"}'),
        (
            "astro.config.mjs",
            "editLink: { baseUrl: 'https://github.com/x/y/edit/' },\nsite: 'https://blog.example'\n",
        ),
    ],
)
def test_address_of_the_site_is_found_in_its_configuration(tmp_path, path, text):
    """Links become whole. The address of a code host is not that of the site."""
    mapping = propose(tmp_path, {"blog/posts/a.md": DATED, path: text})
    assert mapping.base_url == "https://blog.example/"


def test_relative_links_are_no_addresses_without_an_address_of_the_site(tmp_path):
    """A warning for each document, for one cause, helps nobody."""
    text = document(title="A", date="2020-01-02", path="a/b", permalink="/a/")
    assert "webUrl" not in propose(tmp_path / "without", {"a.md": text}).fields
    files = {"a.md": text, "CNAME": "blog.example\n"}
    assert propose(tmp_path / "with", files).fields["webUrl"] == ("permalink", "path")


@pytest.mark.parametrize(
    ("permalink", "keys", "pattern"),
    [
        ("", {}, "/:year/:month/:day/:title.html"),
        ("permalink: pretty\n", {}, "/:year/:month/:day/:title/"),
        ("permalink: /:year/:title/\n", {}, "/:year/:title/"),
        ("permalink: /:categories/:title/\n", {}, ""),
        ("", {"categories": "x"}, ""),
    ],
)
def test_links_are_proposed_only_where_they_are_those_of_the_site(
    tmp_path, permalink, keys, pattern
):
    """A pattern with parts that a document does not give would make wrong links."""
    files = {
        "_config.yml": f"url: https://blog.example\n{permalink}",
        "_posts/2020-01-02-a.md": document(title="A", **keys),
    }
    assert propose(tmp_path, files).permalink == pattern


def test_links_of_hugo_are_proposed_for_one_level_of_folders(tmp_path):
    """Of a deeper folder the site's links have more parts."""
    files = {"hugo.toml": "baseURL = 'https://blog.example'\n", "content/news/a.md": DATED}
    files["content/notes/b.md"] = DATED
    assert propose(tmp_path / "one", files).permalink == "/:folder/:name/"
    files["content/notes/2020/c.md"] = DATED
    assert not propose(tmp_path / "two", files).permalink


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ("[permalinks]\nposts = '/:year/:slug/'\n", {}),
        ("[permalinks.page]\nposts = '/:year/:slug/'\n", {}),
        ("uglyURLs = true\n", {}),
        ("", {"slug": "other"}),
        ("", {"url": "/other/"}),
    ],
)
def test_links_of_hugo_are_not_guessed_where_the_site_has_its_own(tmp_path, settings, keys):
    """A pattern in its settings, or the `slug` of a document, gives other links."""
    files = {
        "hugo.toml": f"baseURL = 'https://blog.example'\n{settings}",
        "content/news/a.md": document(title="A", date="2020-01-02", **keys),
    }
    assert not propose(tmp_path, files).permalink


@pytest.mark.parametrize(
    ("configuration", "keys", "sources"),
    [
        ("hugo.toml", {}, ("draft",)),
        ("hugo.toml", {"Draft": "false"}, ("Draft",)),
        ("astro.config.mjs", {}, ("draft",)),
        ("none.txt", {"draft": "true"}, ("draft",)),
        ("none.txt", {}, None),
        ("none.txt", {"published": "true"}, None),
        ("_config.yml", {}, None),
        ("_config.yml", {"draft": "true"}, None),
    ],
)
def test_unpublished_articles_are_drafts_for_their_tool(tmp_path, configuration, keys, sources):
    """Hugo and Astro build a document with `published: false` all the same."""
    text = document(title="A", date="2020-01-02", **keys)
    files = {configuration: "title: x\n", "content/a.md": text}
    assert propose(tmp_path, files).fields.get("published") == sources


def test_configuration_of_a_site_is_no_document(tmp_path):
    """It has a title, but its keys are no front matter."""
    files = {"_config.yml": "title: Blog\nurl: https://b.example\n", "_posts/a.md": DATED}
    survey = survey_folder(make(tmp_path, files), OPTIONS)
    assert [each.path for each in survey.documents] == ["_posts/a.md"]


def test_survey_follows_no_link_out_of_the_folder(tmp_path):
    """A stranger's folder shows only its own files."""
    make(tmp_path, {"secret.md": DATED, "site/a.md": DATED})
    (tmp_path / "site" / "out.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "site" / "in.md").symlink_to(tmp_path / "site" / "a.md")
    (tmp_path / "site" / "loop").symlink_to(tmp_path / "site")
    survey = survey_folder(tmp_path / "site", OPTIONS)
    assert {each.path for each in survey.documents} == {"a.md", "in.md"}


def test_folders_may_be_nested_deeply(tmp_path):
    """No folder of a stranger exhausts the stack."""
    make(tmp_path, {"a.md": DATED})
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(1_200):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    try:
        articles, diagnostics = load(tmp_path, {})
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # shutil recurses
    assert articles == 1
    assert not diagnostics


def test_survey_does_not_wait_for_a_pipe(tmp_path):
    """A pipe has no text; the survey goes on."""
    make(tmp_path, {"a.md": DATED})
    os.mkfifo(tmp_path / "b.md")
    assert len(survey_folder(tmp_path, OPTIONS).documents) == 1


def test_dates_of_git_are_proposed_where_documents_have_none(tmp_path):
    """Documentation has no dates; its history has. Jekyll's drafts have none in their names."""
    commits = CommitTable({"docs/a.md": CommitDates(0, 1), "_drafts/b.md": CommitDates(0, 1)})
    folder = make(tmp_path / "docs", {"docs/a.md": UNDATED, "docs/new.md": UNDATED})
    mapping = propose_mapping(survey_folder(folder, OPTIONS), lambda: commits)
    assert mapping.fields["publishedDateTime"] == ("file.firstCommit",)
    assert mapping.fields["updatedDateTime"] == ("file.lastCommit",)
    files = {"_posts/2020-01-02-a.md": DATED, "_drafts/b.md": UNDATED}
    folder = make(tmp_path / "blog", files)
    mapping = propose_mapping(survey_folder(folder, OPTIONS), lambda: commits)
    assert mapping.fields["publishedDateTime"] == ("date", "file.date", "file.firstCommit")
    assert "updatedDateTime" not in mapping.fields


def test_data_files_of_a_site_are_no_documents(tmp_path):
    """Authors and settings beside the posts are no errors; a YAML document has a title."""
    files = {
        "blog/a.md": DATED,
        "blog/b.yaml": "title: B\ndate: 2020-01-03\n",
        "blog/authors.yml": "jo:\n  name: Jo\n",
        "blog/tags.yml": "- a\n- b\n",
    }
    articles, diagnostics = load(tmp_path, files)
    assert articles == 2
    assert {each.path: each.severity for each in diagnostics} == {
        "blog/authors.yml": Severity.INFO,
        "blog/tags.yml": Severity.INFO,
    }


def test_names_of_related_documents_are_no_problem(tmp_path):
    """Other tools name related documents; the names stay in the metadata, without a warning."""
    files = {f"{i}.md": document(title="A", date=f"2020-01-0{i}", related="[a, b]") for i in (1, 2)}
    articles, diagnostics = load(tmp_path, files)
    assert articles == 2
    assert not diagnostics
    data = (tmp_path / "1.md").read_bytes()
    article = read_article("1.md", data, ParseOptions(mapping=propose(tmp_path, {}))).article
    assert article is not None
    assert article.metadata["related"] == ["a", "b"]


def test_images_may_be_addresses(tmp_path):
    """A list of addresses under the own key of the field is a list of images."""
    files = {"a.md": document(title="A", date="2020-01-02", images="[https://a.example/1.png]")}
    articles, diagnostics = load(tmp_path, files)
    assert articles == 1
    assert not diagnostics


def test_templates_are_no_documents_where_nothing_has_a_date(tmp_path):
    """Folders of templates are looked at for dated documents only."""
    files = {"docs/a.md": UNDATED, "_layouts/page.html": document(layout="x")}
    survey = survey_folder(make(tmp_path, files), OPTIONS)
    assert [each.path for each in survey.documents] == ["docs/a.md"]
