"""Makes a `Site` out of a seed: first the works of `tests.replica.plans`, then as many invented ones as were asked for.

Work number i depends on the seed and on i alone, apart from what a clash renames, so a larger site begins with the
smaller one, and faults are only appended.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import numpy as np
from PIL import Image

from tests.replica import large, words
from tests.replica.archives import PACKS
from tests.replica.art import FORMS, Artist, enlarged, png, saved
from tests.replica.plans import FAULT_PLANS, MORE_FAULT_PLANS, PLANS, Plan
from tests.replica.site import (
    FIRST_NODE,
    MOVES,
    NODE_STEP,
    Content,
    ReplicaComment,
    ReplicaFile,
    ReplicaWork,
    Site,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from numpy.random import Generator

    from tests.replica.site import Author, FileFault, Licence
    from tests.replica.words import Theme

FIRST_DAY = datetime(2009, 3, 1, 8, 15, tzinfo=UTC)

SUFFIXES = {"jpeg": "jpg", "bmp": "bmp", "gif": "gif", "svg": "svg", "ogg": "ogg", "pack-tar": "tar.gz"}

MIMES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "bmp": "image/x-ms-bmp",
    "svg": "image/svg+xml",
    "zip": "application/zip",
    "rar": "application/x-rar-compressed",
    "gz": "application/x-gzip",
    "ogg": "audio/ogg",
    "bin": "application/octet-stream",
}

OVERSIZE_BYTES = 6_000_000
"""What an oversized file has behind its picture: thousands of times what its page declares."""

SORRY = (
    b"<!DOCTYPE html><html><head><title>One moment</title></head><body><p>Come back later.</p></body></html>"
)


def static(artist: Artist, variant: int) -> bytes:
    """A picture of noise: 300 kB that nothing makes shorter."""
    noise = np.frombuffer(artist.rng(5, variant).bytes(320 * 320 * 3), np.uint8)
    return saved(Image.fromarray(noise.reshape(320, 320, 3)))


SPOILED: dict[str, Callable[[Artist, int], bytes]] = {
    "html": lambda _artist, _variant: SORRY,
    "noise": lambda artist, variant: artist.rng(9, variant).bytes(900),
    "cut": lambda artist, variant: png(artist, variant)[:-400],
    "static": static,
    "padded": lambda artist, variant: png(artist, variant) + artist.rng(6, variant).bytes(OVERSIZE_BYTES),
}

MAKERS = FORMS | PACKS | SPOILED


def alias(title: str) -> str:
    """A title as the site puts it into a path: lower case, punctuation dropped, blanks as hyphens, percent-encoded."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return quote("-".join(kept.replace("-", " ").split()), safe="")


def preview(artist: Artist, variant: int) -> bytes:
    """A poster of the work: three pictures on a plain ground. It is not among the files."""
    ground = Image.new("RGBA", (360, 200), tuple(artist.colours()[variant % 2 + 3].tolist()))
    for place in range(3):
        picture = artist.picture(place).convert("RGBA")
        picture = enlarged(picture, max(1, 100 // max(picture.size))) if max(picture.size) < 100 else picture
        picture.thumbnail((110, 150))
        ground.alpha_composite(picture, (8 + place * 118, 100 - picture.height // 2))
    return saved(ground.convert("RGB"))


def screenshot(artist: Artist) -> bytes:
    """What somebody shows in a comment."""
    return png(Artist("background", "", artist.hue, 16, artist.seed + 1), 5)


def free(name: str, taken: Container[str], joint: str) -> str:
    """The name, or with `_0`, `_1` … before its suffix (`-0` … behind a slug), as Drupal does it, until nobody has it."""
    stem, dot, suffix = name.partition(".")
    tries = (f"{stem}{joint}{number}{dot}{suffix}" for number in count())
    while name in taken:
        name = next(tries)
    return name


def mime_of(name: str) -> str:
    return MIMES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


class Catalogue:
    """Grows the works in order and remembers which names are taken."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.works: list[ReplicaWork] = []
        self.files: dict[str, ReplicaFile] = {}
        self.slugs: dict[str, ReplicaWork] = {}
        self.next_index = 0

    @classmethod
    def after(cls, site: Site) -> Catalogue:
        """The catalogue in which *site* ends: what is added is newer than all that it has."""
        made = cls(site.seed)
        made.works, made.files, made.slugs = list(site.works), dict(site.files), dict(site.by_slug)
        made.next_index = site.next_index
        return made

    def add(self, plan: Plan | None) -> None:
        """Append one work: as planned, or invented from its number."""
        index, self.next_index = self.next_index, self.next_index + 1
        rng = np.random.default_rng([self.seed, index])
        plan = plan or invented(rng, index)
        work = Drawing(self, plan, index, rng).work()
        self.works.append(work)
        self.slugs[unquote(work.slug)] = work


def invented(rng: Generator, index: int) -> Plan:
    """A plan nobody wrote: a theme in turn, one of its outfits, a title and file names to go with them."""
    theme = tuple(words.THEMES.values())[index * 7 % len(words.THEMES)]
    title = words.new_title(rng, theme)
    forms = theme.outfits[int(rng.integers(len(theme.outfits)))]
    style = ("{mood}_{kind}{number}", "{mood} {kind} ({number})", "{kind}{number}", "{kind}-{mood}-{number}")
    pattern = style[int(rng.integers(len(style)))]
    names = (
        pattern.format(mood=title.split()[0].lower(), kind=theme.kind, number=number)
        for number in range(1, 9)
    )
    files = (f"{form}:{name}.{suffix_of(form)}" for form, name in zip(forms, names, strict=False))
    return Plan(title, theme.kind, tuple(files))


def large_plan(megabytes: int) -> Plan:
    """A work of one file, which the server makes while it sends it; its `content` would be all of it in memory."""
    return Plan(
        "Large file", "gem", (f"large:{large.name(megabytes)}",), previews="none", claimed_bytes=large.size(megabytes)
    )  # fmt: skip


def suffix_of(form: str) -> str:
    return SUFFIXES.get(form, "zip" if form in PACKS else "png")


class Drawing:
    """One work in the making; everything that a plan leaves open is drawn from the work's own generator."""

    def __init__(self, catalogue: Catalogue, plan: Plan, index: int, rng: Generator) -> None:
        self.catalogue, self.plan, self.index, self.rng = catalogue, plan, index, rng
        self.theme: Theme = words.THEMES[plan.theme]
        self.posted_at = FIRST_DAY + timedelta(hours=index * 31, minutes=int(rng.integers(0, 600)))
        self.fids = iter(range(4000 + index * 20, 4020 + index * 20))
        theme = self.theme
        hue = theme.hues[int(rng.integers(len(theme.hues)))] + rng.uniform(-0.03, 0.03)
        size_px = theme.sizes[int(rng.integers(len(theme.sizes)))]
        self.artist = Artist(theme.family, theme.kind, hue % 1, size_px, catalogue.seed * 100_003 + index)

    def work(self) -> ReplicaWork:
        plan, rng = self.plan, self.rng
        files = tuple(self.art())
        return ReplicaWork(
            node_id=FIRST_NODE + self.index * NODE_STEP + int(rng.integers(0, 8)),
            slug=self.slug(),
            title=plan.title,
            author=self.author(),
            posted_at=self.posted_at,
            art_types=tuple(words.ART_TYPES[name] for name in plan.art_types or (self.theme.art_type,)),
            tags=(*self.theme.tags, *plan.tags),
            licences=self.licences(),
            body=words.prose(rng, self.theme, self.artist.size_px, self.link()),
            files=files,
            previews=tuple(self.previews(files)),
            comments=tuple(self.comments()),
            submitter=words.AUTHORS[plan.submitter] if plan.submitter else None,
            collaborators=tuple(words.AUTHORS[name] for name in plan.collaborators),
            collections=tuple(each for each in words.COLLECTIONS if rng.random() < 0.3),
            favourites=int(rng.integers(0, 240)),
            copyright_notice=plan.notice
            or (f"Please credit {self.theme.noun}." if rng.random() < 0.3 else None),
            withheld=plan.withheld,
            fault=plan.fault,
        )

    def slug(self) -> str:
        wanted = unquote(self.plan.slug or alias(self.plan.title))
        return quote(free(wanted, self.catalogue.slugs, "-"), safe="")

    def author(self) -> Author:
        if self.plan.author:
            return words.AUTHORS[self.plan.author]
        return words.REGULARS[int(self.rng.integers(len(words.REGULARS)))]

    def licences(self) -> tuple[Licence, ...]:
        names = self.plan.licences or (tuple(words.LICENCES)[int(self.rng.integers(9))],)
        return tuple(words.LICENCES[name] for name in names)

    def link(self) -> str | None:
        """An earlier work to mention."""
        works = self.catalogue.works
        return works[int(self.rng.integers(len(works)))].path if works and self.rng.random() < 0.3 else None

    def put(
        self,
        name: str,
        make: Callable[[], bytes],
        fault: FileFault | None = None,
        claimed_bytes: int | None = None,
    ) -> ReplicaFile:
        """Give the file a number and a free name on the server."""
        stored = free(name, self.catalogue.files, "_")
        mime, upload = mime_of(stored), name.removeprefix("archive/").removeprefix(large.FOLDER)
        file = ReplicaFile(
            stored, next(self.fids), mime, upload, self.posted_at, Content(make), fault, claimed_bytes
        )
        self.catalogue.files[stored] = file
        return file

    def art(self) -> Iterator[ReplicaFile]:
        plan = self.plan
        for variant, (form, _, name) in enumerate(spec.partition(":") for spec in plan.files):
            if form == "large":
                make = partial(large.whole, name)
            else:
                make = partial(MAKERS[form], self.artist, variant)
            if variant:
                yield self.put(name, make)
                continue
            yield self.put(name, make, plan.file_fault, plan.claimed_bytes)
            if plan.file_fault and plan.file_fault in MOVES:
                self.put(f"{MOVES[plan.file_fault]}/{name}", make)
        if plan.shares:
            yield self.catalogue.files[plan.shares]

    def previews(self, files: Sequence[ReplicaFile]) -> Iterator[ReplicaFile]:
        """Half the works show one of their files, most others a poster, a few nothing."""
        chance, kind = self.rng.random(), self.plan.previews
        if kind == "none" or self.theme.art_type == "Music" or (not kind and chance < 0.1):
            return
        if (kind == "file" or (not kind and chance < 0.5)) and files[0].is_picture:
            yield files[0]
            return
        for variant in range(2 if chance > 0.8 else 1):
            yield self.put(
                f"{alias(self.plan.title)[:20].strip('%-')}_preview.png",
                partial(preview, self.artist, variant),
            )

    def comments(self) -> Iterator[ReplicaComment]:
        attachment = self.plan.attachment
        for number in range(max(int(self.rng.integers(0, 3)), 2 if attachment else 0)):
            author = words.REGULARS[int(self.rng.integers(len(words.REGULARS)))]
            said = words.pick(self.rng, words.REMARKS)
            file = (
                self.put(attachment, partial(screenshot, self.artist)) if attachment and not number else None
            )
            yield ReplicaComment(author, self.posted_at + timedelta(days=number + 1), said, file)


def build_site(
    seed: int = 2021,
    works: int = 64,
    *,
    faults: bool = False,
    more_faults: bool = False,
    large_mb: int | None = None,
) -> Site:
    """The site of *works* works, oldest first; behind them those that are broken on purpose, and one of a large file.

    *more_faults* are those that a crawler without patience, limits and a browser does not come to the end of.
    """
    catalogue = Catalogue(seed)
    for index in range(works):
        catalogue.add(PLANS[index] if index < len(PLANS) else None)
    for plan in (*(FAULT_PLANS if faults else ()), *(MORE_FAULT_PLANS if more_faults else ())):
        catalogue.add(plan)
    if large_mb is not None:
        catalogue.add(large_plan(large_mb))
    return Site.of(seed, tuple(catalogue.works), catalogue.files)
