"""The command `init`: proposes a mapping for a folder of another tool's documents."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gql.settings import Settings
from gql.store_factory import load_options
from store import LoadOptions, StoreError, check_folder
from store.documents.article_reader import DRAFT_STATUSES, is_in_drafts_folder, read_article
from store.documents.commit_dates import CommitTable
from store.documents.field_mapping import FIRST_COMMIT, FieldMapping
from store.documents.frontmatter import ParseOptions
from store.errors import system_remedy
from store.folder.commit_history import CommitHistory
from store.folder.language_survey import survey_languages
from store.folder.mapping_file import MAPPING_FILE, TABLE, format_mapping, load_mapping
from store.folder.mapping_proposal import propose_mapping
from store.folder.survey import MAX_FILES, Survey, SurveyedFile, survey_folder

from .documents import READING_SETTINGS
from .options import with_settings
from .output import count_of, escape, out, progress_bar

_SHOWN_KEYS = 25
_KINDS = {
    "text": "text",
    "texts": "list",
    "mapping": "keys below it",
    "mappings": "list with keys",
    "empty": "empty",
}


@with_settings(
    "folder", *READING_SETTINGS, directory="The folder of documents.", requires_folder=True
)
def init(
    settings: Settings,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help=f"Write {MAPPING_FILE} without a question.")
    ] = False,
) -> None:
    """Look at a folder of another tool's documents and propose a mapping of their keys.

    [bold]Examples[/]

    newsgraph init blog

    newsgraph init blog --yes && newsgraph serve blog
    """
    folder = settings.folder
    assert folder is not None  # noqa: S101  # it is required
    present = load_mapping(folder)
    options = load_options(settings).parsing
    survey = find_documents(folder, options)
    print_survey(survey)
    if not survey.documents:
        raise StoreError(
            f"No document with front matter was found in {folder}. Front matter is a line ---, "
            "`key: value` lines and a line ---, at the beginning of the file."
        )
    history = CommitHistory(folder)
    mapping = propose_mapping(survey, history.read)
    text = format_mapping(mapping)
    out.print(f"\n[bold]Proposal[/]  {MAPPING_FILE}: which keys stand for which fields\n")
    out.print(text, highlight=False, markup=False)
    commits = history.read() if mapping.uses_commits else CommitTable()
    print_example(survey, msgspec.structs.replace(options, mapping=mapping, commits=commits))
    print_outcome(settings, mapping)
    print_missing_parts(survey, mapping)
    if present is not None:
        path = escape(str(folder / MAPPING_FILE))
        out.print(f"{path} has a mapping already. It was not changed.")
    elif yes or (out.is_terminal and typer.confirm(f"Write {folder / MAPPING_FILE}?")):
        write_mapping(folder / MAPPING_FILE, text)
    else:
        out.print("Nothing was written. To write the file, add --yes.")
        return
    print_next_steps(folder)


def print_next_steps(folder: Path) -> None:
    """Print the commands for a folder with a mapping."""
    name = shlex.quote(str(folder))
    out.print(
        f"[bold]Next[/]      {escape(f'newsgraph serve {name}')}   [dim]then open the address[/]"
    )
    out.print(
        f"          {escape(f'newsgraph check {name}')}   [dim]for each problem with its line[/]"
    )


def find_documents(folder: Path, options: ParseOptions) -> Survey:
    """Survey the folder, with a progress bar. Raises: StoreError: it cannot be listed."""
    try:
        with progress_bar("Looking at the files") as progress:
            return survey_folder(folder, options, progress)
    except OSError as e:
        raise StoreError(
            f"The folder {folder} cannot be read: {e.strerror}. "
            + system_remedy(e, "Give the path of a folder that holds documents.")
        ) from e


def print_survey(survey: Survey) -> None:
    """Print what was found in the folder."""
    site = survey.site
    tools = f", made for {escape(', '.join(site.tools))}" if site.tools else ""
    more = "" if survey.is_complete else f". Only the first {MAX_FILES:,} files were read"
    out.print(
        f"[bold]Found[/]     {count_of(len(survey.documents), 'document')} in "
        f"{escape(str(survey.folder))}{tools}{more}"
    )
    if site.url:
        source = f"in {site.url_source}"
        out.print(f"          The site is {escape(site.url)} [dim]({escape(source)})[/]")
    drafts = sum(map(is_draft, survey.documents))
    if drafts:
        out.print(f"          {count_of(drafts, 'draft')}, which only keys with READ_DRAFTS see")
    for reason, files in sorted(survey.others.items(), key=lambda item: -item[1].count):
        out.print(
            f"          Not a document: {count_of(files.count, 'file')} such as "
            f"{escape(files.example)}. {escape(reason)}"
        )
    print_languages(survey)
    print_keys(survey)


def is_draft(document: SurveyedFile) -> bool:
    """Whether a document says that it is a draft, or lies in a folder of drafts."""
    texts = {key.lower(): text.strip().lower() for key, text in document.texts.items()}
    return (
        texts.get("draft") in ("true", "yes", "on")
        or texts.get("published") in ("false", "no", "off")
        or texts.get("status") in DRAFT_STATUSES
        or is_in_drafts_folder(document.path)
    )


def print_languages(survey: Survey) -> None:
    """Print how many documents there are in each language, if there are several."""
    languages = survey_languages(survey)
    if languages.locales:
        counts = Counter(languages.locale_of(document) for document in survey.documents)
        without = f"; {counts['']:,} without" if counts[""] else ""
        texts = [f"{locale} {count:,}" for locale, count in counts.most_common() if locale]
        text = f"{count_of(len(texts), 'language')}: {', '.join(texts)}{without}"
        out.print(f"          {escape(text)}")


def print_keys(survey: Survey) -> None:
    """Print the keys of the documents, the most frequent first."""
    kinds: dict[str, Counter[str]] = {}
    for document in survey.documents:
        for key, kind in document.keys.items():
            kinds.setdefault(key, Counter())[kind] += 1
    if kinds:
        out.print("[bold]Keys[/]      of their front matter, with the number of documents")
    for key, count in survey.key_counts().most_common(_SHOWN_KEYS):
        forms = ", ".join(_KINDS[kind] for kind in kinds[key])
        out.print(f"  {count:>6,}  {escape(key)} [dim]{forms}[/]")
    if len(kinds) > _SHOWN_KEYS:
        out.print(f"          [dim]and {count_of(len(kinds) - _SHOWN_KEYS, 'key')} more[/]")


def print_example(survey: Survey, options: ParseOptions) -> None:
    """Print a document before and after the mapping."""
    for document in survey.documents:
        data = (survey.folder / document.path).read_bytes()
        article = read_article(document.path, data, options).article
        if article is not None:
            out.print(f"[bold]Example[/]   {escape(document.path)}")
            for key in document.keys:
                out.print(f"          {escape(key)}: {escape(document.texts.get(key, '…'))}")
            out.print("          [bold]becomes the article[/]")
            for key, value in msgspec.to_builtins(article).items():
                if key not in ("content", "id"):
                    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                    out.print(f"          {escape(key)}: {escape(text[:100])}")
            return


def print_outcome(settings: Settings, mapping: FieldMapping) -> int:
    """Print how many files become articles, and why others do not. Returns their number."""
    assert settings.folder is not None  # noqa: S101  # it is required
    options = load_options(settings)
    parsing = msgspec.structs.replace(options.parsing, mapping=mapping)
    with progress_bar("Trying the mapping") as progress:
        report, diagnostics = asyncio.run(
            check_folder(
                settings.folder, LoadOptions(parsing=parsing, include=options.include), progress
            )
        )
    out.print(
        f"\n[bold]Result[/]    {count_of(report.articles, 'article')} of "
        f"{count_of(report.read, 'file')}"
    )
    first = {each.code: each for each in reversed(diagnostics)}
    for code, count in Counter(each.code for each in diagnostics).most_common():
        example = first[code]
        where = escape(f"{example.path}:{example.line or 1}")
        out.print(f"  {count:>6,}  {code} [dim]such as {where}: {escape(example.message)}[/]")
    return report.articles


def print_missing_parts(survey: Survey, mapping: FieldMapping) -> None:
    """Print what the folder did not tell, and what to write instead."""
    if not mapping.base_url:
        out.print(
            "[yellow]No address of the site was found.[/] For whole links and images add, below "
            f'\\[{TABLE}]: base_url = "https://…/"'
        )
    if mapping.fields.get("publishedDateTime") == (FIRST_COMMIT,):
        out.print(
            "[yellow]No document has a date.[/] The articles get those of git: of the first and "
            "the last commit of each file."
        )
    elif "publishedDateTime" not in mapping.fields and not any(
        "publishedDateTime" in each.keys for each in survey.documents
    ):
        out.print(
            "[yellow]No date was found.[/] An article needs a date: in its front matter, or in its "
            "file's name, such as 2026-01-02-title.md."
        )


def write_mapping(path: Path, text: str) -> None:
    """Write the mapping, behind settings that the file has already. Raises: StoreError."""
    if path.is_symlink():
        raise StoreError(f"{path} is a link, and is not written over. Replace it by a file.")
    try:
        before = path.read_bytes() if path.exists() else b""
        # Not over a link: in a stranger's folder it may name any file.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o666), "ab") as file:
            file.write((f"\n\n{text}" if before.strip() else text).encode())
    except OSError as e:
        raise StoreError(
            f"{path} cannot be written: {e.strerror}. "
            + system_remedy(e, "Give the user that runs newsgraph the right to write it.")
        ) from e
    out.print(f"[bold]Wrote[/]     {escape(str(path))}")
