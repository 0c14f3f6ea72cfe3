"""File names: decoded exactly once, safe on every disk, one path per URL.

A name that is already safe is kept to the letter, so ``big%20ol%20ssss.png`` lies
on disk as ``big ol ssss.png``. A name that must be changed (a character that
Windows forbids, a name of 300 bytes, a slash that was encoded) gets a mark
made from its original, ``8_31~1f0c2a9be4.mp3``, and so does a name that only looks
marked. Hence two names never meet on one path, in whatever order they come.
That some disks take ``Foo.png`` for ``foo.png`` is the business of
:mod:`artstore.places`, which asks here what they take for one: :func:`folded`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit

from artstore.errors import UsageError

FILES_MARKER = "/default/files/"
"""Below this folder OpenGameArt keeps what artists upload."""

ADDED = "added"
"""Below ``files/``: folders of art that were added by hand, so no download may land there unmarked."""

MAX_NAME_BYTES = 200
"""Of 255 that file systems allow: room for the mark and for a temporary suffix."""

SERIES_MIN = 4
"""Fewer numbered neighbours than this are a coincidence (variants, versions), not a series."""

MOST_NUMBERS = 4
"""Of those in a name, the last ones, that may be the frame's."""

MOST_GAPS = 3
"""So many times as many numbers as frames there may be from the first to the last."""

_UNSAFE = re.compile(r'[<>:"|?*\\/\x00-\x1f\x7f]|^\.{1,2}$|[. ]$')
_USUAL = re.compile(
    r"(?![aclnpACLNP](?i:ux|o[mn]|pt|ul|rn))[a-zA-Z0-9_][a-zA-Z0-9_ +()-]{0,99}\.[a-zA-Z0-9]{1,9}", re.ASCII
)
"""Safe at one look, and what nearly all files of an archive are called. To ignore case takes twice as long."""
_RESERVED = re.compile(r"^(?=(con|prn|aux|nul|(com|lpt)[\d¹²³]|conin\$|conout\$) *(\.|$))", re.IGNORECASE)
_MARKED = re.compile(r"~[0-9a-f]{10}(\.[^.]*)?$")
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What Unicode calls default ignorable: HFS+ and ext4 with casefold pass it over when they compare names."""
_NUMBER = re.compile(r"[0-9]{1,9}")


def path_of_url(url: str) -> str:
    """Return where the bytes of *url* go below ``files/``.

    The part after ``/default/files/`` is percent-decoded exactly once. Raises
    :class:`~artstore.errors.UsageError` if *url* does not lie there.
    """
    parts = urlsplit(url)
    _, marker, encoded = parts.path.partition(FILES_MARKER)
    if not marker or not encoded:
        raise UsageError(f"not a file of OpenGameArt (no {FILES_MARKER} in it): {url}")
    if parts.query:
        encoded += "%3F" + parts.query
    # Split before decoding: an encoded slash belongs to the name it stands in.
    path = "/".join(_safe(_decoded(segment)) for segment in encoded.split("/"))
    return marked(path, encoded) if f"{path}/".startswith(f"{ADDED}/") else path


def is_same_file(url: str, other: str) -> bool:
    """Say whether two addresses mean one file: they may differ in http: and https:, and in what is percent-encoded."""
    return url == other or _meaning(url) == _meaning(other)


def _meaning(url: str) -> tuple[str | None, bytes, bytes]:
    parts = urlsplit(url)
    return parts.hostname, unquote_to_bytes(parts.path), unquote_to_bytes(parts.query)


def safe_path(name: str) -> str:
    """Return *name*, a path as an archive or a folder means it, as a safe relative path.

    Backslashes count as separators, as Windows tools mean them; empty, ``.`` and
    ``..`` parts lead nowhere and are marked like any other unsafe name.
    """
    folders, _, last = name.rpartition("/")
    if _USUAL.fullmatch(last):
        folders = _safe_folders(folders)
        return f"{folders}/{last}" if folders else last
    return _safe_folders(name) or _safe(name)


@lru_cache(maxsize=1024)
def _safe_folders(path: str) -> str:
    """Return the parts of *path* that lead anywhere, made safe. Remembered: many files lie in one folder."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]
    return "/".join(_safe(part) for part in parts)


def path_of_parts(parts: Iterable[str]) -> str:
    """Return the names *parts* of a path on this disk as a safe relative path; a backslash is a letter here."""
    return "/".join(_safe(part) for part in parts)


def series_of(paths: Iterable[str]) -> dict[str, str]:
    """Return path -> series for the frames among *paths* that are numbered alike.

    ``walk_01.png … walk_08.png`` in one folder are the series ``walk_#.png``, and
    ``walk_01_32x32.png …`` are ``walk_#_32x32.png``: of several numbers in a name, the
    one counts by which it has the most neighbours. At least :data:`SERIES_MIN` make a
    series, and there are not many gaps: ``icon_16.png``, ``icon_32.png`` … are sizes.
    """
    groups: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for path in paths:
        end_of_stem = len(path) - len(PurePosixPath(path).suffix)
        for number in [*_NUMBER.finditer(path, path.rfind("/") + 1, end_of_stem)][-MOST_NUMBERS:]:
            groups[f"{path[: number.start()]}#{path[number.end() :]}"][path] = int(number[0])
    whole = [key for key, members in groups.items() if _is_series(members.values())]
    whole.sort(key=lambda key: (len(groups[key]), key.rfind("#")))
    return {path: key for key in whole for path in groups[key]}


def _is_series(numbers: Collection[int]) -> bool:
    return len(numbers) >= SERIES_MIN and max(numbers) - min(numbers) < MOST_GAPS * len(numbers)


def marked(path: str, original: str) -> str:
    """Return *path* with a mark in its name that *original* decides."""
    folder, separator, name = path.rpartition("/")
    return folder + separator + _mark(name, original)


def folded(path: str) -> str:
    """Return what is equal for two paths that some disk takes for one.

    Wider than any one disk: NTFS knows upper case only, APFS also composed and
    decomposed letters and that ``ß`` is ``ss``, ext4 also letters without width.
    """
    if path.isascii():
        return path.lower()
    visible = _IGNORABLE.sub("", unicodedata.normalize("NFD", path))
    # Upper case first: NTFS may have one for letters that folding leaves alone.
    return unicodedata.normalize("NFD", visible.upper().casefold())


def _decoded(segment: str) -> str:
    """Percent-decode *segment* once; bytes that are not UTF-8 become lone surrogates, which are unsafe."""
    return unquote_to_bytes(segment).decode("utf-8", errors="surrogateescape")


def _safe(name: str) -> str:
    """Return one part of a path as a safe one."""
    if _USUAL.fullmatch(name):
        return name
    text = name.encode("utf-8", errors="replace").decode()
    clean = _RESERVED.sub("_", _UNSAFE.sub("_", unicodedata.normalize("NFC", text)) or "_")
    short = len(clean.encode()) <= MAX_NAME_BYTES
    # Folded, so that no disk can take an unmarked name for a marked one either.
    if clean == name and short and not _MARKED.search(folded(name)):
        return name
    return _mark(clean, original=name)


def _mark(clean: str, original: str) -> str:
    digest = hashlib.sha256(original.encode("utf-8", errors="surrogatepass")).hexdigest()[:10]
    stem, suffix = PurePosixPath(clean).stem, PurePosixPath(clean).suffix
    if len(suffix.encode()) > 20:
        stem, suffix = clean, ""
    room = MAX_NAME_BYTES - len(suffix.encode()) - len(digest) - 1
    short = stem.encode()[:room].decode(errors="ignore")
    return f"{short}~{digest}{suffix}"
