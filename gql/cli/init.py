"""The command `init`: proposes a mapping for a folder of another tool's documents."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gql.settings import Settings
from gql.store_factory import load_options
from store import LoadOptions, StoreError, check_folder
from store.documents.article_reader import read_article
from store.documents.field_mapping import FieldMapping
from store.documents.frontmatter import ParseLimits
from store.folder.mapping_file import MAPPING_FILE, TABLE, format_mapping, load_mapping
from store.folder.mapping_proposal import propose_mapping
from store.folder.survey import Survey, survey_folder

from .documents import READING_SETTINGS
from .options import with_settings
from .output import count_of, escape, out, progress_bar

_SHOWN_KEYS = 25


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
    limits = load_options(settings).limits
    survey = survey_folder(folder, limits)
    print_survey(survey)
    if not survey.documents:
        raise StoreError(f"No document with front matter was found in {folder}.")
    mapping = propose_mapping(survey)
    text = format_mapping(mapping)
    out.print(f"\n[bold]Proposed {MAPPING_FILE}[/]\n")
    out.print(text, highlight=False, markup=False)
    print_example(survey, mapping, limits)
    print_outcome(settings, mapping)
    if present is not None:
        path = escape(str(folder / MAPPING_FILE))
        out.print(f"{path} has a mapping already. It was not changed.")
    elif yes or (out.is_terminal and typer.confirm(f"Write {folder / MAPPING_FILE}?")):
        write_mapping(folder / MAPPING_FILE, text)
    else:
        out.print("Nothing was written. To write the file, add --yes.")


def print_survey(survey: Survey) -> None:
    """Print what was found in the folder."""
    documents = len(survey.documents)
    tools = f" ({', '.join(survey.generators)})" if survey.generators else ""
    more = "" if survey.is_complete else "; more files were not read"
    out.print(
        f"[bold]Found[/] {count_of(documents, 'document')} with front matter in "
        f"{escape(str(survey.folder))}{tools}{more}"
    )
    for code, count in survey.others.most_common():
        out.print(f"      {count_of(count, 'file')}: {code}")
    drafts = sum(each.texts.get("draft", "").lower() == "true" for each in survey.documents)
    if drafts:
        out.print(f"      {count_of(drafts, 'draft')}")
    kinds: dict[str, Counter[str]] = {}
    for document in survey.documents:
        for key, kind in document.keys.items():
            kinds.setdefault(key, Counter())[kind] += 1
    for key, count in survey.key_counts().most_common(_SHOWN_KEYS):
        forms = ", ".join(kinds[key])
        out.print(f"      {count:>6,}  {escape(key)} [dim]{forms}[/]")


def print_example(survey: Survey, mapping: FieldMapping, limits: ParseLimits) -> None:
    """Print a document before and after the mapping."""
    for document in survey.documents:
        data = (survey.folder / document.path).read_bytes()
        mapped = ParseLimits(limits.max_size_bytes, limits.max_depth, mapping=mapping)
        article = read_article(document.path, data, mapped).article
        if article is not None:
            out.print(f"[bold]Example[/] {escape(document.path)}")
            for key in document.keys:
                out.print(f"      {escape(key)}: {escape(document.texts.get(key, '…'))}")
            out.print("   [bold]→[/]")
            for key, value in msgspec.to_builtins(article).items():
                if key != "content":
                    out.print(f"      {escape(key)}: {escape(str(value)[:100])}")
            return


def print_outcome(settings: Settings, mapping: FieldMapping) -> None:
    """Print how many documents become articles, and why others do not."""
    assert settings.folder is not None  # noqa: S101  # it is required
    options = load_options(settings)
    limits = ParseLimits(options.limits.max_size_bytes, options.limits.max_depth, mapping=mapping)
    with progress_bar("Reading documents") as progress:
        report, diagnostics = asyncio.run(
            check_folder(
                settings.folder, LoadOptions(limits=limits, include=options.include), progress
            )
        )
    out.print(
        f"\n[bold]{count_of(report.articles, 'article')}[/] of {count_of(report.read, 'file')} "
        "with this mapping"
    )
    for code, count in Counter(each.code for each in diagnostics).most_common():
        out.print(f"      {count:>6,}  {code}")


def write_mapping(path: Path, text: str) -> None:
    """Write the mapping, behind settings that the file has already."""
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(f"{before.rstrip()}\n\n{text}" if before.strip() else text, "utf-8")
    out.print(f"[bold]Wrote[/] the table \\[{TABLE}] to {escape(str(path))}")
