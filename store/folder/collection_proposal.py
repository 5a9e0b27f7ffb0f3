"""Collection proposal: the folders of a survey whose documents have dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from store.documents.missing_front_matter import DOCUMENT_FOLDERS

from .survey import SurveyedFile

_MIN_SHARE = 0.5
"""The share of dated documents with which a folder is a collection as a whole."""

_MIN_OWN_SHARE = 0.3
"""The share of dated documents in a folder itself, with which it is not divided."""

_MAX_PARTS = 5
"""Into how many collections a folder is divided at most."""

_MIN_COVERED = 0.97
"""The share of all dated documents that the collections must have."""

_DRAFTS = "_drafts"


def propose_collections(
    documents: Sequence[SurveyedFile], dated: Sequence[SurveyedFile]
) -> tuple[str, ...]:
    """Return the folders in which documents have dates, and Jekyll's drafts; () for all folders.

    The largest is the first, since new documents go there; drafts are the last.
    """
    counts = _FolderCounts(documents, dated)
    chosen = sorted(part for top in counts.children("") for part in counts.choose(top))
    covered = sum(_is_below(each.path, chosen) for each in dated)
    if not dated or covered < _MIN_COVERED * len(dated):
        return ()
    if len(chosen) == 1:
        chosen = [_common_folder(dated, chosen[0])]
    chosen += _underscored(dated, chosen)
    drafts = {_folder_of(each.path, _DRAFTS) for each in documents} - {None}
    chosen += [folder for folder in drafts if folder and not _is_below(f"{folder}/x", chosen)]
    sizes = {each: counts.dated_below(each) for each in chosen}
    return tuple(sorted(chosen, key=lambda each: (each in drafts, -sizes[each], each)))


class _FolderCounts:
    """How many documents, and how many with a date, each folder has, in it and below it."""

    def __init__(self, documents: Iterable[SurveyedFile], dated: Iterable[SurveyedFile]) -> None:
        self._own, self._below = _count(documents)
        self._own_dated, self._below_dated = _count(dated)
        self._children: dict[str, list[str]] = {}
        for folder in self._below:
            if folder:
                self._children.setdefault(folder.rpartition("/")[0], []).append(folder)

    def children(self, folder: str) -> list[str]:
        """The folders in a folder that have documents."""
        return self._children.get(folder, [])

    def dated_below(self, folder: str) -> int:
        """How many documents with a date a folder has, in it and below it."""
        return self._below_dated[folder]

    def choose(self, folder: str) -> list[str]:
        """The collections in a folder: itself as a whole, or some of the folders below it."""
        parts: list[str] = []
        waiting = [folder]
        while waiting:
            each = waiting.pop()
            if self._below_dated[each] and self._is_whole(each):
                parts.append(each)
            elif self._below_dated[each]:
                waiting += self.children(each)
        return parts if len(parts) <= _MAX_PARTS else [folder]

    def _is_whole(self, folder: str) -> bool:
        if self._below_dated[folder] >= _MIN_SHARE * self._below[folder]:
            return True
        own = self._own_dated[folder]
        return own > 0 and own >= _MIN_OWN_SHARE * self._own[folder]


def _count(documents: Iterable[SurveyedFile]) -> tuple[Counter[str], Counter[str]]:
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for document in documents:
        folder = document.path.rpartition("/")[0]
        own[folder] += 1
        while folder:
            below[folder] += 1
            folder = folder.rpartition("/")[0]
        below[""] += 1
    return own, below


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def _common_folder(documents: Iterable[SurveyedFile], top: str) -> str:
    """The deepest folder that has all documents of a folder, so that less is scanned.

    Not a folder for one year or for one document: the next document is in another one.
    """
    paths = [_shared_parts(each.path) for each in documents if each.path.startswith(f"{top}/")]
    common = []
    for names in zip(*paths, strict=False):
        if len({*names}) > 1 or names[0].isdigit():
            break
        common.append(names[0])
    return "/".join(common) or top


def _shared_parts(path: str) -> list[str]:
    """The folders of a document that others may be in, too."""
    *folders, name = path.split("/")
    return folders[:-1] if name.split(".", maxsplit=1)[0] == "index" else folders


def _underscored(documents: Iterable[SurveyedFile], chosen: Sequence[str]) -> list[str]:
    """Folders with an underscore inside the collections: they are read where they are named."""
    underscored: dict[str, None] = {}
    for document in documents:
        *folders, _ = document.path.split("/")
        for i, name in enumerate(folders):
            folder = "/".join(folders[: i + 1])
            is_skipped = name[:1] == "_" and name not in DOCUMENT_FOLDERS
            if is_skipped and folder not in chosen and _is_below(f"{folder}/", chosen):
                underscored[folder] = None
    return [*underscored]


def _folder_of(path: str, name: str) -> str | None:
    """The folder with this name that a path is in."""
    folders = path.split("/")[:-1]
    return "/".join(folders[: folders.index(name) + 1]) if name in folders else None
