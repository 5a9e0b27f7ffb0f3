"""Image URLs: which picture they show, and in what size and format.

Sites and image services put the size of an image into its URL: as a suffix of the file's name
(`tide-300x200.jpg`, `tide@2x.png`), as a folder (`/thumbnail/770x578/`, `/upload/w_300,c_fill/`),
or as parameters (`?w=300&fit=max`). Without these the URLs of all sizes of one picture are equal.
Only habits that name no picture count: numbers alone, versions, signatures of paths and
coordinates of crops stay.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from store import canonical_url

MIME_TYPES = {
    "apng": "image/apng",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "ico": "image/x-icon",
    "jfif": "image/jpeg",
    "jpe": "image/jpeg",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "jxl": "image/jxl",
    "pjpg": "image/jpeg",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}
"""The MIME types of images, by the extension of a file."""

_EXTENSION = re.compile(rf"\.({'|'.join(MIME_TYPES)})$", re.IGNORECASE)
_MAX_PIXELS = 32_767
_MAX_CACHED_LENGTH = 500

_BOTH = (  # not 12x34, which may be a tile of a map
    r"(?:(?=[1-9]\d{2}|\d+x[1-9]\d{2}|(?P<side>[1-9]\d)x(?P=side)(?!\d))"
    r"(?P<width>[1-9]\d{1,4})x(?P<height>[1-9]\d{1,4}))"
)

_SUFFIXES = (
    re.compile(rf"[-_]{_BOTH}(?=@|$)"),
    re.compile(r"[-_](?P<width>[1-9]\d{1,4})w(?=@|$)"),
    re.compile(r"@(?P<density>[1-4](?:\.\d)?)x$"),
    re.compile(r"-scaled$"),
)
"""Endings of a file's name that give a size."""

_CLOUDINARY = (
    r"(?:[wh]_[\d.]+|dpr_(?:auto|[\d.]+)|ar_[\d.:]+|q_(?:auto(?::\w+)?|\d+)"
    rf"|f_(?:auto|{'|'.join(MIME_TYPES)})|c_(?:auto|crop|fill|fit|lfill|limit|lpad|mfit|mpad|pad"
    r"|scale|thumb)|g_(?:auto|center|faces?|north|south|east|west))"
)
_FOLDERS = (
    re.compile(rf"(?<=/){_BOTH}/"),
    re.compile(r"(?<=/cdn-cgi/image/)[a-z]+=[^/]*/"),
    re.compile(rf"(?<=/upload/)(?:{_CLOUDINARY}(?:,{_CLOUDINARY})*/)+"),
    re.compile(r"(?<=/)resize:(?:fit|fill|fixed):(?P<width>\d+)(?::(?P<height>\d+))?/"),
    re.compile(r"(?<=/files/)styles/[^/]+/public/"),
    re.compile(r"(?<=/)ALTERNATES/[^/]+/"),
    re.compile(r",(?:width|height)-\d+(?=[,/])"),
)
"""Parts of a path that give a size, as image services and publishers write them."""

_PART_WIDTH = re.compile(r"(?:^|[,/])(?:width|w)[-_=](\d{1,5})(?=[,/]|$)")
_PART_HEIGHT = re.compile(r"(?:^|[,/])(?:height|h)[-_=](\d{1,5})(?=[,/]|$)")
_PART_FORMAT = re.compile(r"(?:^|[,/])f(?:ormat)?[_=](\w+)")

_NUMBER = re.compile(r"\d{1,5}(?:\.\d+)?")
_PAIR = re.compile(r"\d{1,5}[,x*]\d{1,5}")
_WORDS = re.compile(r"[A-Za-z]+(?:[,_-][A-Za-z]+)*|[01]")
_CROPS = re.compile(r"[01]|true|false|(?:smart|entropy|faces?|edges|attention|center)(?:,[a-z]+)*")
_TOKEN = re.compile(r"[\w-]{8}")
_SIZE_PARAMETERS: dict[str, tuple[re.Pattern[str], ...]] = {
    **dict.fromkeys(
        "w h width height wid hei imwidth imheight maxwidth maxheight max-w max-h dpr".split(),
        (_NUMBER,),
    ),
    **dict.fromkeys("q qlt quality".split(), (_NUMBER, re.compile("auto"))),
    **dict.fromkeys("fit resize auto fm fmt format strip ssl".split(), (_WORDS, _PAIR)),
    "crop": (_CROPS, _PAIR),
    "size": (_PAIR, _NUMBER),
    "itok": (_TOKEN,),
}
"""Parameters that give a size, a quality or a format, with the values that do."""

_WIDTH_PARAMETERS = ("w", "width", "wid", "imwidth")
_HEIGHT_PARAMETERS = ("h", "height", "hei", "imheight")
_FORMAT_PARAMETERS = ("fm", "format", "fmt")
_PAIR_PARAMETERS = ("resize", "fit", "size")

_PROXY = re.compile(r"^i\d\.wp\.com/(?=[^/]+\.)")
_VIDEO_STILL = re.compile(
    r"^(?:i\d?\.ytimg\.com|img\.youtube\.com)/vi(?:_webp)?/([\w-]{11})/"
    r"(default|mqdefault|hqdefault|sddefault|hq720|maxresdefault)\.(?:jpg|webp)$"
)
_VIDEO_SIZES = {
    "default": (120, 90),
    "mqdefault": (320, 180),
    "hqdefault": (480, 360),
    "sddefault": (640, 480),
    "hq720": (1280, 720),
    "maxresdefault": (1280, 720),
}


class ImageUrl(NamedTuple):
    """An image's URL, taken apart. Sizes in pixels.

    Attributes:
        picture: The picture: equal for all sizes and formats of one picture.
        width: The width.
        height: The height.
        type: The MIME type; None where the URL does not tell, or the server chooses it.
    """

    picture: str
    width: int | None
    height: int | None
    type: str | None


def parse_image_url(url: str) -> ImageUrl:
    """Take an image's URL apart, by the habits of sites and image services."""
    return _cached(url) if len(url) <= _MAX_CACHED_LENGTH else _parse(url)


def _parse(url: str) -> ImageUrl:
    _scheme, _, rest = canonical_url(url).partition("://")
    address, _, query = rest.partition("?")
    address = _PROXY.sub("", address)
    if still := _VIDEO_STILL.match(address):
        return ImageUrl(f"video {still[1]}", *_VIDEO_SIZES[still[2]], _type_of(address))
    sizes: dict[str, str] = {}
    parameters = _read_parameters(query, sizes)
    host, slash, path = address.partition("/")
    folder, name = _read_path(slash + path, sizes)
    type = _type_of(address)
    if "auto" in sizes or sizes.get("format") == "auto":
        type = None  # the server chooses it for each browser
    for parameter in _FORMAT_PARAMETERS:
        type = MIME_TYPES.get(sizes.get(parameter, ""), type)
    picture = f"{host}{folder}{name}{'?' + parameters if parameters else ''}"
    density = float(sizes.get("density", 1))
    return ImageUrl(
        picture,
        _pixels(sizes.get("width"), density),
        _pixels(sizes.get("height"), density),
        type,
    )


_cached = lru_cache(maxsize=4_096)(_parse)


def _read_parameters(query: str, sizes: dict[str, str]) -> str:
    """The parameters that give no size; those that do go into `sizes`."""
    others = []
    for parameter in query.split("&") if query else ():
        name, _, value = parameter.partition("=")
        name, value = name.lower(), unquote(value)
        if any(pattern.fullmatch(value) for pattern in _SIZE_PARAMETERS.get(name, ())):
            sizes[name] = value.lower()
        else:
            others.append(parameter)
    for name in _PAIR_PARAMETERS:
        if _PAIR.fullmatch(sizes.get(name, "")):
            sizes["width"], sizes["height"] = re.split("[,x*]", sizes[name])
    for key, names in (("width", _WIDTH_PARAMETERS), ("height", _HEIGHT_PARAMETERS)):
        for name in names:
            if name in sizes:
                sizes[key] = sizes[name]
    if "dpr" in sizes:
        sizes["density"] = sizes["dpr"]
    return "&".join(sorted(others))


def _read_path(path: str, sizes: dict[str, str]) -> tuple[str, str]:
    """The folders and the name of a file without what gives a size, which goes into `sizes`."""
    folder, slash, name = path.rpartition("/")
    folder += slash
    for pattern in _FOLDERS:
        while match := pattern.search(folder):
            _read_sizes(match, sizes)
            folder = folder[: match.start()] + folder[match.end() :]
    stem = name
    while shorter := _EXTENSION.sub("", stem):
        if shorter == stem:
            break
        stem = shorter
    if stem == name and not sizes:
        return folder, name  # not by its name an image
    for pattern in _SUFFIXES * 2:
        if (match := pattern.search(stem)) and match.start() > 0:
            _read_sizes(match, sizes)
            stem = stem[: match.start()] + stem[match.end() :]
    return folder, stem


def _read_sizes(match: re.Match[str], sizes: dict[str, str]) -> None:
    """Add the sizes in a part of a path. Those of parameters stay: they are applied last."""
    groups = match.groupdict()
    for name, part in (("width", _PART_WIDTH), ("height", _PART_HEIGHT)):
        within = part.search(match[0])
        if value := groups.get(name) or (within and within[1]):
            sizes.setdefault(name, value)
    if value := groups.get("density"):
        sizes["density"] = value
    if format := _PART_FORMAT.search(match[0]):
        sizes["format"] = format[1]


def _type_of(path: str) -> str | None:
    match = _EXTENSION.search(path)
    return MIME_TYPES[match[1].lower()] if match else None


def _pixels(text: str | None, density: float) -> int | None:
    if text is None:
        return None
    number = round(float(text) * density)
    return number if 0 < number <= _MAX_PIXELS else None
