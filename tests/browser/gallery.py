"""A data folder to look at: the works of the replica, works whose names are nasty, and enough pictures to scroll."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from urllib.parse import quote

import numpy as np
from PIL import Image

from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from tests import shelf
from tests.replica import ReplicaFile, ReplicaWork, Site, build_site
from tests.replica.site import ArtType, Author, Content, Licence

NASTY_NAMES = (
    "Half Price 50% off_0.png",
    "50%25.png",
    "maze (#12).png",
    "what? why & how=x.png",
    "semi;colon, comma.png",
    "plus + plus+.png",
    " leading and trailing .png",
    "two  spaces.PNG",
    'it\'s "quoted".png',
    "<b>bold<script>alert(1).png",
    "{guid}[x]!$@=~^`|.png",
    "新しい剣_0.png",
    "Ærø – ½ дом.png",
    "a\\b.png",
)
"""As files are called on the site, decoded."""

NASTY_SLUGS = ("50%25-off", "%E5%89%A3-%E2%80%94-%C3%97", "what%3F", "a%2Bb%26c")
"""As they stand in the addresses of works."""

NASTY_AUTHOR = "Ann & Bob <i>100%</i> + 1"

ANIMATION = "blinking.gif"

FRAMES = 60
"""Of one series: more than a page has."""

NOISE = 130
"""Pictures that look like nothing else: with what there is, three pages."""

POSTED_AT = datetime.fromisoformat("2020-01-01")

CC0 = Licence("CC0", 4, "cc0.png", "http://creativecommons.org/publicdomain/zero/1.0/")

FLAT = ArtType("2D Art", 9)


def make_gallery(data_dir: Path) -> Settings:
    """Fill *data_dir*, embed its pictures with ``colour``, and group them."""
    settings = Settings(data_dir=data_dir)
    shelf.catalog_site(build_site(works=40), settings)
    shelf.catalog_site(_nasty_site(), settings)
    shelf.catalog_folder(_noise(data_dir.parent / "Noise"), settings)
    shelf.catalog_folder(shelf.save_noise(data_dir.parent / "Walk", FRAMES), settings)
    shelf.embed_all(settings, ColourEmbedder(settings.max_picture_px))
    shelf.group_all(settings, "colour")
    return settings


def _nasty_site() -> Site:
    files = [
        _file(number, name, shelf.sprite(100 + number, size_px=24)) for number, name in enumerate(NASTY_NAMES)
    ]
    files.append(_file(len(files), ANIMATION, *(shelf.sprite(300, colour) for colour in range(4))))
    parts = [files[place :: len(NASTY_SLUGS)] for place in range(len(NASTY_SLUGS))]
    works = tuple(
        ReplicaWork(
            node_id=90_000 + number,
            slug=slug,
            title=f'Nasty "work" <{number}> & 100%',
            author=Author(NASTY_AUTHOR, "javascript:alert(1)"),
            posted_at=POSTED_AT,
            art_types=(FLAT,),
            tags=("nasty & tagged", "a+b=c"),
            licences=(CC0,),
            body="",
            files=tuple(listed),
        )
        for number, (slug, listed) in enumerate(zip(NASTY_SLUGS, parts, strict=True))
    )
    return Site.of(1, works, {file.name: file for file in files})


def _file(number: int, name: str, *frames: Image.Image) -> ReplicaFile:
    out = BytesIO()
    if len(frames) == 1:
        frames[0].save(out, "PNG")
    else:
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
    mime = "image/png" if len(frames) == 1 else "image/gif"
    return ReplicaFile(name, 90_000 + number, mime, name, POSTED_AT, Content(out.getvalue))


def file_url(name: str) -> str:
    """Where the site has a file of this name."""
    return f"https://opengameart.org/sites/default/files/{quote(name, safe='')}"


def _noise(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = ["".join(letters) for letters in product(ascii_lowercase, repeat=2)][:NOISE]
    for number, name in enumerate(names):
        cells = np.random.default_rng([9, number]).integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(cells).resize((24, 24), 0).save(folder / f"{name}.png")
    return folder
