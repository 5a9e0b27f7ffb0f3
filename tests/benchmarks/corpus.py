"""A generator of documents with the shape and size of real ones.

The same count and seed give the same bytes. Write a folder of documents with
`python -m tests.benchmarks.corpus DIR COUNT`.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

FILES_PER_FOLDER = 1_000

_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS = 1_000
_RENAMED = "2025-07-01"  # until then every tenth provider had another name

# name: the name of its parent, or None. A parent comes before its children.
_TOPICS: dict[str, str | None] = {
    "Science": None,
    "Ocean": "Science",
    "Tides": "Ocean",
    "Reefs": "Ocean",
    "Space": "Science",
    "Moon": "Space",
    "Telescopes": "Space",
    "Materials": "Science",
    "Cities": None,
    "Transport": "Cities",
    "Trams": "Transport",
    "Ferries": "Transport",
    "Bridges": "Transport",
    "Housing": "Cities",
    "Parks": "Cities",
    "Energy": None,
    "Energy storage": "Energy",
    "Heat stores": "Energy storage",
    "Offshore wind": "Energy",
    "Solar roofs": "Energy",
    "Food and farming": None,
    "Bakeries": "Food and farming",
    "Barley": "Food and farming",
    "Birds": None,
}

_FIRST_NAMES = (
    "Harbour Meridian Lantern Quarry Estuary Granite Willow Copper Northgate Saltmarsh Orchard "
    "Beacon"
).split()
_LAST_NAMES = "Post Gazette Weekly Ledger Dispatch".split()
_PLACES = (
    "Port Verrin,Karrow,Lanmere,Valombre,Grauwald,Tsukishio,Corrin Ridge,Salter\u2019s Row,"
    "Hollin Vale,Saint-Évran,Sundmark,Old Mole,Quarry Lane,East Basin,Fennick,Upper Tarn"
).split(",")
_ADJECTIVES = (
    "quiet late hidden narrow patient bright shared second tidal wooden silver distant modest "
    "borrowed steady curious frozen local hollow painted long-lost half-built careful green"
).split()
_NOUNS = (
    "lagoon tram ferry reef turbine telescope garden bakery library bridge battery harbour school "
    "lighthouse market crane orchard museum workshop satellite substation archive council kiln "
    "weather-station timetable greenhouse shipyard laboratory footpath"
).split()
_VERBS = (
    "opens closes finds loses repairs measures surprises outlasts replaces studies follows warms "
    "feeds maps counts welcomes rebuilds lights tests remembers"
).split()
_ENDINGS = (
    "after six years,before the winter,without a permit,with borrowed tools,at slack water,"
    "for the third time,in front of the whole town,by accident,on a very small budget,"
    "to the delight of the ducks,while nobody was looking,against all advice,one roof at a time,"
    "under the old market,with help from the school,long before sunrise"
).split(",")
_LOCALES = ("en", "en", "en", "fr", "de")
_SIZES_PX = ((1920, 1080), (1280, 720), (1000, 600), (800, 800), (640, 480), (320, 180))


def _zipf(size: int) -> list[float]:
    """Cumulative Zipf weights 1, 1/2, 1/3 …: a few items are frequent, most are rare."""
    return list(accumulate(1 / rank for rank in range(1, size + 1)))


_PROVIDERS = [f"{first} {last}" for last in _LAST_NAMES for first in _FIRST_NAMES]
_PROVIDER_WEIGHTS = _zipf(len(_PROVIDERS))
_TOPIC_NAMES = list(_TOPICS)
_TOPIC_WEIGHTS = _zipf(len(_TOPIC_NAMES))


@dataclass(frozen=True, slots=True)
class _ArticleHead:
    """The values that an article's document and the documents that refer to it share."""

    slug: str
    title: str
    excerpt: str
    published: str  # ISO 8601 in UTC, unquoted in YAML
    url: str
    type: str
    quality: int
    provider: str
    domain: str


def topics() -> Iterator[tuple[str, str]]:
    """The topic tree, three levels deep: (path relative to the folder, text), parents first."""
    for number, (name, parent) in enumerate(_TOPICS.items()):
        slug = _slugify(name)
        above = f"parent: {parent}\n" if parent else ""
        text = (
            f"taxonomy: topic\n_id: {slug}\nname: {name}\n{above}"
            f"keywords:\n  - {name.lower()}\n"
            f'hashtags:\n  - "#{name.title().replace(" ", "")}"\n'
        )
        yield f"_data/topics/{number:02}-{slug}.yaml", text


def documents(count: int, *, seed: int = 1, drafts: float = 0.2) -> Iterator[tuple[str, str]]:
    """Articles, as `count` pairs of (path relative to the folder, text of the file).

    Slugs and URLs are unique, and topics are those of `topics`. A share `drafts` (0 to 1) has
    `published: false`, which changes only the heat besides. About 1 to 5 kB each; about every
    eighth related story is outside of the corpus.
    """
    rng = Random(seed)
    heads = _heads(rng, count)
    for number, head in enumerate(heads):
        text = _document(rng, head, heads, drafts)
        yield f"_news/{number // FILES_PER_FOLDER:03}/{head.slug}.md", text


def write_corpus(folder: Path, count: int, *, seed: int = 1, drafts: float = 0.2) -> None:
    """Write `count` articles and the topic tree into `folder`, created if missing.

    Other files in the folder stay. About 2 s and 28 MB for 10,000.
    """
    made: set[Path] = set()
    for files in (topics(), documents(count, seed=seed, drafts=drafts)):
        for name, text in files:
            path = folder / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.write_text(text, encoding="utf-8", newline="\n")


def _heads(rng: Random, count: int) -> list[_ArticleHead]:
    """The heads of all articles, before their documents, because any may refer to any."""
    heads: list[_ArticleHead] = []
    slugs: set[str] = set()
    for number in range(count):
        head = _head(rng, number)
        if head.slug in slugs:
            head = _head(rng, number, suffix=f", part {number}")
        slugs.add(head.slug)
        heads.append(head)
    return heads


def _head(rng: Random, number: int, suffix: str = "") -> _ArticleHead:
    title = _title(rng) + suffix
    at = _FIRST_DAY + timedelta(seconds=rng.randrange(_DAYS * 86_400))
    name_slug = _slugify(title)
    name = rng.choices(_PROVIDERS, cum_weights=_PROVIDER_WEIGHTS)[0]
    domain = name.lower().replace(" ", "") + ".example"
    published = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    video = rng.random() < 0.06
    return _ArticleHead(
        slug=f"{published[:10]}-{name_slug}",
        title=title,
        excerpt=_excerpt(rng),
        published=published,
        url=f"https://video.{domain}/watch?v={number:06x}"
        if video
        else f"https://www.{domain}/{at:%Y/%m/%d}/{name_slug}-{number}/",
        type="video" if video else "article",
        quality=min(int(rng.expovariate(1 / 60)), 400),
        provider=_name_at(name, published),
        domain=domain,
    )


def _name_at(provider: str, published: str) -> str:
    """The name of a provider at that time."""
    had_another = _PROVIDERS.index(provider) % 10 == 0
    return f"{provider} and Advertiser" if had_another and published < _RENAMED else provider


def _title(rng: Random) -> str:
    place = rng.choice(_PLACES)
    end = rng.choice(_ENDINGS)
    subject = f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    verb = rng.choice(_VERBS)
    match rng.randrange(8):
        case 0:
            return f"{place}&#8217;s {subject} {verb} a {rng.choice(_NOUNS)} {end}"
        case 1:
            return f"“The {subject}” {verb} {place} &amp; its {rng.choice(_NOUNS)}"
        case 2:
            return f"{place}: a {subject} {verb} the {rng.choice(_NOUNS)} {end}"
        case _:
            return f"A {subject} in {place} {verb} its {rng.choice(_NOUNS)} {end}"


def _sentence(rng: Random) -> str:
    return (
        f"The {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} of {rng.choice(_PLACES)} "
        f"{rng.choice(_VERBS)} a {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)} "
        f"{rng.choice(_ENDINGS)}."
    )


def _excerpt(rng: Random) -> str:
    """Two or three sentences; every third is truncated, some contain markup."""
    text = " ".join(_sentence(rng) for _ in range(rng.choice((2, 2, 3))))
    chance = rng.random()
    if chance < 0.33:
        text = text[: rng.randrange(90, len(text))]
    elif chance < 0.40:
        text = f"<p>{text}</p>"
    return text.replace("\u2019", "&#8217;") if chance < 0.15 else text


def _slugify(text: str) -> str:
    text = unicodedata.normalize("NFKD", html.unescape(text)).lower()
    ascii_text = text.encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text))


def _quote(text: str) -> str:
    """A JSON string, which is also a YAML string."""
    return json.dumps(text, ensure_ascii=False)


def _document(rng: Random, head: _ArticleHead, heads: Sequence[_ArticleHead], drafts: float) -> str:
    """A file: front matter, and in every tenth a body."""
    parts = (
        _fields(rng, head, drafts),
        _provider(head, logo=rng.random() < 0.8),
        "\n" + _names("topics", _some_topics(rng)),
        _images(rng, head),
        _related(rng, head, heads),
        f'\nsecured: "{_sealed(rng)}"\n',
    )
    body = _body(rng) if rng.random() < 0.1 else "\n"
    return f"---\n{''.join(parts)}---\n{body}"


def _fields(rng: Random, head: _ArticleHead, drafts: float) -> str:
    """The scalars at the top."""
    heat = int(rng.expovariate(1 / 80))
    draft = rng.random() < drafts
    return (
        f"category: news\ntitle: {_quote(head.title)}\nexcerpt: {_quote(head.excerpt)}\n"
        f"publishedDateTime: {head.published}\n{_addresses(rng, head)}"
        f"type: {head.type}\nquality: {head.quality}\nheat: {-1 if draft else heat}\n"
        f"published: {'false' if draft else 'true'}\n{_extras(rng, head)}"
    )


def _addresses(rng: Random, head: _ArticleHead) -> str:
    """The URLs: originalUrl in nearly all, webUrl in all but videos, AMP pages in every tenth."""
    original = f"originalUrl: {_quote(head.url)}\n"
    if head.type == "video":
        return original
    chance = rng.random()
    amp = ""
    if chance < 0.1:
        host = head.domain.replace(".", "-")
        amp = (
            f'ampWebUrl: "{head.url}amp/"\n'
            f'cdnAmpWebUrl: "https://www-{host}.fastpages.example/c/s/{head.url[8:]}amp/"\n'
        )
    return f"{'' if chance > 0.95 else original}webUrl: {_quote(head.url)}\n{amp}"


def _extras(rng: Random, head: _ArticleHead) -> str:
    """The fields that only some documents have."""
    text = ""
    if rng.random() < 0.1:
        text += f"updatedDateTime: {head.published[:10]}T23:59:59Z\n"
    if rng.random() < 0.3:
        text += f"locale: {rng.choice(_LOCALES)}\n"
    if rng.random() < 0.1:
        text += f"readingMinutes: {rng.randrange(1, 20)}\ndesk:\n  name: {rng.choice(_NOUNS)}\n"
    if rng.random() < 0.2:
        text += _names("tags", rng.sample(_NOUNS, rng.randrange(1, 4)))
    if head.type == "video":
        player = f'<iframe width="800" height="450" src="{head.url}" allowfullscreen></iframe>'
        text += f"featuredContent: {_quote(player)}\n"
    return text + "\n"


def _provider(head: _ArticleHead, *, logo: bool) -> str:
    text = f"provider:\n  name: {head.provider}\n  domain: {head.domain}\n"
    if logo:
        text += (
            f'  images:\n    - url: "https://www.{head.domain}/assets/logo-50x50.png"\n'
            "      width: 50\n      height: 50\n"
        )
    return text


def _some_topics(rng: Random) -> list[str]:
    """One to four different topic names."""
    wanted = rng.choice((1, 1, 1, 2, 2, 3, 4))
    return list(dict.fromkeys(rng.choices(_TOPIC_NAMES, cum_weights=_TOPIC_WEIGHTS, k=wanted)))


def _names(key: str, names: Sequence[str]) -> str:
    return f"{key}:\n" + "".join(f"  - {name}\n" for name in names)


def _images(rng: Random, head: _ArticleHead) -> str:
    """Zero to three images; of several, half are sizes of one picture."""
    count = rng.choice((0, 1, 1, 1, 1, 1, 1, 2, 2, 3))
    if not count:
        return ""
    one_picture = rng.random() < 0.5
    sizes_px = rng.sample(_SIZES_PX, count)
    return "\nimages:\n" + "".join(
        _image(rng, head, size_px, 0 if one_picture else number, indent="  ")
        for number, size_px in enumerate(sizes_px)
    )


def _image(
    rng: Random, head: _ArticleHead, size_px: tuple[int, int], number: int, *, indent: str
) -> str:
    width, height = size_px
    text = (
        f'{indent}- url: "https://images.{head.domain}/{head.slug}-{number}.jpg'
        f'?w={width}&#038;strip=all"\n'
        f"{indent}  width: {width}\n{indent}  height: {height}\n"
    )
    if rng.random() < 0.9:
        text += f"{indent}  isCached: {'true' if rng.random() < 0.7 else 'false'}\n"
    if rng.random() < 0.3:
        text += f"{indent}  title: {_quote(head.title)}\n"
    if rng.random() < 0.2:
        text += f'{indent}  attribution: "Photo: {head.provider}"\n'
    return text


def _related(rng: Random, head: _ArticleHead, heads: Sequence[_ArticleHead]) -> str:
    """Zero to four related stories, most of which are articles of the corpus."""
    count = rng.choice((0, 0, 0, 1, 1, 1, 2, 2, 3, 4))
    stubs = (_stub(rng, _target(rng, head, heads)) for _ in range(count))
    return "\nrelated:\n" + "".join(stubs) if count else ""


def _target(rng: Random, head: _ArticleHead, heads: Sequence[_ArticleHead]) -> _ArticleHead:
    """Another article: any, one of the few popular ones, or one outside of the corpus."""
    chance = rng.random()
    place = rng.random() ** 3 if chance < 0.4 else rng.random()
    target = heads[int(place * len(heads))]
    if chance > 0.87 or target is head:
        return _head(rng, len(heads) + rng.randrange(1_000_000))
    return target


def _stub(rng: Random, target: _ArticleHead) -> str:
    text = (
        f"  - title: {_quote(target.title)}\n    excerpt: {_quote(target.excerpt)}\n"
        f"    publishedDateTime: {target.published}\n"
        f"    webUrl: {_quote(_respell(rng, target.url))}\n"
        f"    type: {target.type}\n"
        f"    provider:\n      name: {target.provider}\n      domain: {target.domain}\n"
        f"    quality: {target.quality}\n"
    )
    if rng.random() < 0.7:
        text += "    images:\n" + _image(rng, target, rng.choice(_SIZES_PX), 0, indent="      ")
    return text


def _respell(rng: Random, url: str) -> str:
    """The URL, in every tenth in another spelling of the same page."""
    match rng.randrange(40):
        case 0:
            return url.replace(".example/", ".Example:443/")
        case 1:
            return f"{url}#comments"
        case 2 | 3:
            return f"{url}{'&#038;' if '?' in url else '?'}utm_source=feed&#038;utm_medium=rss"
        case _:
            return url


def _body(rng: Random) -> str:
    """Markdown of about 1 to 3 kB."""
    paragraphs = (
        " ".join(_sentence(rng) for _ in range(rng.randrange(2, 6)))
        for _ in range(rng.randrange(3, 8))
    )
    return f"\n## {rng.choice(_PLACES)}\n\n" + "\n\n".join(paragraphs) + "\n"


def _sealed(rng: Random) -> str:
    """Two runs of base64, like data that publishers encrypt: about 250 to 600 characters."""
    sealed = base64.b64encode(rng.randbytes(16 * rng.randrange(10, 26))).decode()
    return f"{sealed};{base64.b64encode(rng.randbytes(16)).decode()}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a corpus as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.corpus",
        description="Write generated articles and their topics, for benchmarks and tests.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to, made if missing")
    parser.add_argument("count", metavar="COUNT", type=int, help="how many articles")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other articles (1)")
    parser.add_argument("--drafts", type=float, default=0.2, help="share of drafts, 0 to 1 (0.2)")
    options = parser.parse_args(arguments)
    start_s = time.perf_counter()
    write_corpus(options.folder, options.count, seed=options.seed, drafts=options.drafts)
    print(
        f"Wrote {options.count:,} articles and {len(_TOPICS)} topics into {options.folder} "
        f"in {time.perf_counter() - start_s:.1f} s."
    )


if __name__ == "__main__":
    main()
