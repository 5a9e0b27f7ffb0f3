"""The language survey: which languages a folder is in, by folders, suffixes, keys and settings."""

from __future__ import annotations

import asyncio

import pytest

from store.documents.frontmatter import ParseOptions
from store.folder.language_survey import survey_languages
from store.folder.loader import LoadOptions, check_folder
from store.folder.mapping_proposal import propose_mapping
from store.folder.survey import survey_folder

PLAIN = "---\ntitle: Hello\ndate: 2026-01-02\n---\n"


def keyed(**keys):
    """A document with these keys."""
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return f"---\ntitle: Hello\ndate: 2026-01-02\n{more}---\n"


def survey(folder, files):
    """The survey of a folder with these files."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return survey_folder(folder, ParseOptions())


HUGO = "baseURL = 'https://site.example/'\n"
CASES = {
    "hugo folders": (
        {
            "hugo.toml": f"{HUGO}defaultContentLanguage = 'en'\n",
            "content/en/posts/a.md": PLAIN,
            "content/ja/posts/a.md": PLAIN,
            "content/zh-tw/posts/a.md": PLAIN,
            "content/ja/posts/new.md": PLAIN,
        },
        (["en", "ja", "zh-tw"], "en", []),
    ),
    "hugo suffixes": (
        {
            "hugo.toml": HUGO,
            "content/posts/a.md": PLAIN,
            "content/posts/a.ja.md": PLAIN,
            "content/posts/b/index.md": PLAIN,
            "content/posts/b/index.fr.md": PLAIN,
            "content/posts/read.me.md": PLAIN,
        },
        (["fr", "ja"], "en", []),
    ),
    "hugo content folders with other names of files": (
        {
            "hugo.toml": f"{HUGO}\n[languages.en]\n\n[languages.fr]\n",
            "content/en/posts/hello.md": keyed(translationKey="a"),
            "content/fr/posts/bonjour.md": keyed(translationKey="a"),
        },
        (["en", "fr"], "en", []),
    ),
    "jekyll folders": (
        {
            "_config.yml": "url: https://site.example\n",
            "en/news/_posts/2026-01-02-a.md": keyed(lang="en"),
            "zh_tw/news/_posts/2026-01-02-a.md": keyed(lang="zh_tw"),
            "it/news/_posts/2026-01-02-b.md": keyed(lang="it"),
        },
        (["en", "it", "zh_tw"], "", []),
    ),
    "jekyll polyglot": (
        {
            "_config.yml": "url: https://site.example\ndefault_lang: de\n",
            "_posts/2026-01-02-a.md": keyed(lang="de", page_id="a"),
            "_posts/2026-01-02-b.md": keyed(lang="fr", page_id="a"),
            "_posts/2026-01-03-c.md": keyed(lang="fr", page_id="c"),
        },
        (["de", "fr"], "de", ["page_id"]),
    ),
    "jekyll with ref": (
        {
            "_posts/2026-01-02-a.md": keyed(lang="en", ref="a"),
            "_posts/2026-01-02-b.md": keyed(lang="es", ref="a"),
            "_posts/2026-01-04-c.md": keyed(lang="en", ref="c"),
        },
        (["en", "es"], "en", ["ref"]),
    ),
    "astro with the default at the root": (
        {
            "astro.config.mjs": "i18n: {\n  defaultLocale: 'pt-br',\n},\n",
            "src/content/docs/a.md": PLAIN,
            "src/content/docs/es/a.md": PLAIN,
        },
        (["es"], "pt-br", []),
    ),
    "nuxt": (
        {
            "nuxt.config.ts": "i18n: {\n  locales: [{ code: 'en' }, { code: 'fr' }],\n}\n",
            "content/en/1.blog/a.md": PLAIN,
            "content/fr/1.blog/b.md": PLAIN,
        },
        (["en", "fr"], "", []),
    ),
    "one folder beside the documents of the default": (
        {"posts/a.md": PLAIN, "posts/b.md": PLAIN, "ja/posts/a.md": PLAIN},
        (["ja"], "en", []),
    ),
    "departments": (
        {
            "it/servers.md": PLAIN,
            "hr/holidays.md": PLAIN,
            "sales/index.md": PLAIN,
            "it/index.md": PLAIN,
            "hr/index.md": PLAIN,
        },
        ([], "", []),
    ),
    "a department in the language of the company": (
        {"it/servers.md": keyed(lang="en"), "it/mail.md": keyed(lang="en"), "hr/a.md": PLAIN},
        ([], "", []),
    ),
    "languages of programs": (
        {"a.md": keyed(language="Python"), "b.md": keyed(language="Rust")},
        ([], "", []),
    ),
    "one language": (
        {"_config.yml": "lang: en\n", "a.md": keyed(lang="en"), "b.md": keyed(lang="en")},
        ([], "", []),
    ),
    "a key that only numbers documents": (
        {"en/a.md": keyed(lang="en", ref="1"), "ja/a.md": keyed(lang="ja", ref="2")},
        (["en", "ja"], "", []),
    ),
    "a key whose values documents of one language share": (
        {
            "en/a.md": keyed(lang="en", ref="news"),
            "en/b.md": keyed(lang="en", ref="news"),
            "ja/a.md": keyed(lang="ja", ref="news"),
        },
        (["en", "ja"], "", []),
    ),
    "two spellings of one locale": (
        {"zh_cn/a.md": keyed(lang="zh-CN"), "en/a.md": keyed(lang="en")},
        (["en", "zh_cn"], "", []),
    ),
}


@pytest.mark.parametrize(("files", "expected"), CASES.values(), ids=CASES)
def test_languages_of_a_folder(tmp_path, files, expected):
    """Something besides a short name must say that a folder is a language."""
    languages = survey_languages(survey(tmp_path, files))
    result = [*languages.locales], languages.default, [*languages.translation_keys]
    assert result == expected


@pytest.mark.parametrize(
    ("name", "permalink"),
    [
        ("hugo folders", "/:locale/:folder/:name/"),
        ("jekyll folders", "/:categories/:year/:month/:day/:title.html"),
        ("jekyll polyglot", "/:year/:month/:day/:title.html"),
    ],
)
def test_the_pattern_of_links_has_the_language(tmp_path, name, permalink):
    """Translations have different addresses."""
    assert propose_mapping(survey(tmp_path, CASES[name][0])).permalink == permalink


def test_a_language_with_few_articles_is_read(tmp_path):
    """Its pages do not hide them."""
    files = {f"en/news/_posts/2026-01-0{i}-a.md": keyed(lang="en") for i in range(1, 9)}
    files |= {f"ja/pages/{i}.md": "---\ntitle: T\nlang: ja\n---\n" for i in range(6)}
    files["ja/news/_posts/2026-01-01-a.md"] = keyed(lang="ja")
    mapping = propose_mapping(survey(tmp_path, files))
    assert mapping.fields["locale"] == ("lang",)
    options = LoadOptions(parsing=ParseOptions(mapping=mapping))
    report, _ = asyncio.run(check_folder(tmp_path, options))
    assert report.articles == 9
