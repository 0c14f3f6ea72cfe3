"""Our own words: licences and kinds as facts of the site, everything else invented."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.replica.site import ArtType, Author, Collection, Licence

if TYPE_CHECKING:
    from numpy.random import Generator

LICENCES = {
    licence.name: licence
    for licence in (
        Licence("CC0", 4, "cc0.png", "http://creativecommons.org/publicdomain/zero/1.0/"),
        Licence("CC-BY 3.0", 2, "cc-by.png", "http://creativecommons.org/licenses/by/3.0/"),
        Licence("CC-BY 4.0", 17981, "cc-by_0.png", "https://creativecommons.org/licenses/by/4.0/"),
        Licence("CC-BY-SA 3.0", 3, "cc-by-sa.png", "http://creativecommons.org/licenses/by-sa/3.0/"),
        Licence("CC-BY-SA 4.0", 17982, "cc-by-sa_0.png", "https://creativecommons.org/licenses/by-sa/4.0/"),
        Licence("GPL 2.0", 5, "gpl.png", "http://www.gnu.org/licenses/old-licenses/gpl-2.0.html"),
        Licence("GPL 3.0", 6, "gpl.png", "http://www.gnu.org/licenses/gpl-3.0.html"),
        Licence("OGA-BY 3.0", 10310, "oga-by.png", "http://opengameart.org/content/oga-by-30-faq"),
        Licence("OGA-BY 4.0", 31772, "oga-by.png", "https://opengameart.org/content/oga-by-40-faq"),
        Licence("LGPL 2.1", 7, "lgpl.png", "http://www.gnu.org/licenses/old-licenses/lgpl-2.1.html"),
        Licence("LGPL 3.0", 8, "lgpl.png", "http://www.gnu.org/licenses/lgpl-3.0.html"),
    )
}

ART_TYPES = {
    kind.name: kind
    for kind in (
        ArtType("2D Art", 9),
        ArtType("3D Art", 10),
        ArtType("Concept Art", 7273),
        ArtType("Texture", 14),
        ArtType("Music", 12),
        ArtType("Sound Effect", 13),
        ArtType("Document", 11),
    )
}

AUTHORS = {
    author.name: author
    for author in (
        Author("Wren Tallow", "/users/wren-tallow"),
        Author("mossbit", "/users/mossbit"),
        Author("Ada Quill", "/users/ada-quill"),
        Author("Kettlefish", "/users/kettlefish"),
        Author("sixteen_lamps", "/users/sixteenlamps"),
        Author("Juniper & Rook", "/users/juniper-rook"),
        Author("Łucja Żak", "/users/%C5%82ucja-%C5%BCak"),
        Author("O'Byte", "/users/obyte"),
        Author("Inkwell Foundry", "http://inkwell-foundry.example/"),
        Author("Old Bram", None),
    )
}

REGULARS = tuple(author for author in AUTHORS.values() if author.url and author.url.startswith("/users/"))

COLLECTIONS = (
    Collection("CC0 shelf", "cc0-shelf"),
    Collection("Lantern Keep: art in use", "lantern-keep-art-in-use"),
    Collection("2D::Top::Down", "2dtopdown"),
    Collection("Bits & bobs (not CC0!)", "bits-bobs-not-cc0"),
    Collection("GPL 3.0 or nothing", "gpl-30-or-nothing"),
    Collection("Сады и поля", "%D1%81%D0%B0%D0%B4%D1%8B-%D0%B8-%D0%BF%D0%BE%D0%BB%D1%8F"),
)


class Theme(NamedTuple):
    """What works of one sort have in common; hues in [0, 1) to choose from, forms as lists of files."""

    family: str
    kind: str
    noun: str
    hues: tuple[float, ...]
    sizes: tuple[int, ...]
    tags: tuple[str, ...]
    outfits: tuple[tuple[str, ...], ...]
    art_type: str = "2D Art"


FIGURES = (
    ("png", "recolour", "recolour"),
    ("sheet",),
    ("frames-zip", "png"),
    ("gif", "sheet"),
    ("pack-zip",),
)
THINGS = (
    ("png",),
    ("png", "png", "png"),
    ("sheet", "x4"),
    ("icon16", "icon8"),
    ("palette",),
    ("pack-stored",),
)
TERRAIN = (("png",), ("palette", "png"), ("sheet",), ("pack-tar",))
ANY = (0.0, 0.08, 0.16, 0.33, 0.47, 0.58, 0.7, 0.82, 0.92)
GREENS, REDS, BLUES = (0.25, 0.3, 0.36), (0.0, 0.03, 0.95), (0.5, 0.56, 0.62)

THEMES = {
    "creature": Theme("sprite", "creature", "Imps", ANY, (16, 24, 32), ("monster", "RPG"), FIGURES),
    "robot": Theme("sprite", "robot", "Automata", ANY, (24, 32), ("robot", "sci-fi"), FIGURES),
    "potion": Theme("sprite", "potion", "Potions", ANY, (16, 32), ("potion", "icon", "RPG"), THINGS),
    "sword": Theme("sprite", "sword", "Blades", ANY, (16, 32), ("sword", "weapon", "RPG"), THINGS),
    "axe": Theme("sprite", "axe", "Axes", ANY, (24, 32), ("axe", "weapon"), THINGS),
    "shield": Theme("sprite", "shield", "Shields", ANY, (16, 32), ("shield", "armour"), THINGS),
    "gem": Theme("sprite", "gem", "Gemstones", ANY, (16, 24), ("gem", "treasure", "match-3"), THINGS),
    "tree": Theme("sprite", "tree", "Broadleaf Trees", GREENS, (32, 48), ("tree", "forest", "nature"), THINGS),
    "pine": Theme("sprite", "pine", "Pines", (0.33, 0.38, 0.42), (32, 48), ("tree", "winter", "nature"), THINGS),
    "mushroom": Theme("sprite", "mushroom", "Mushrooms", REDS, (16, 24), ("mushroom", "nature"), THINGS),
    "flower": Theme("sprite", "flower", "Flowers", (0.9, 0.8, 0.13), (16, 24), ("flower", "nature"), THINGS),
    "ship": Theme("sprite", "ship", "Starships", ANY, (24, 32, 48), ("spaceship", "sci-fi", "shmup"), FIGURES),
    "planet": Theme("sprite", "planet", "Planets", ANY, (32, 48), ("planet", "space", "sci-fi"), THINGS),
    "house": Theme("sprite", "house", "Cottages", REDS, (32, 48), ("house", "building", "town"), THINGS),
    "chest": Theme("sprite", "chest", "Treasure Chests", ANY, (16, 32), ("chest", "treasure"), FIGURES),
    "coin": Theme("sprite", "coin", "Coins", (0.12, 0.14), (16,), ("coin", "treasure"), FIGURES),
    "fish": Theme("sprite", "fish", "Reef Fish", ANY, (16, 24), ("fish", "sea", "animal"), FIGURES),
    "meadow": Theme("tiles", "meadow", "Meadow Tiles", GREENS, (16, 32), ("tileset", "grass", "16x16"), TERRAIN),
    "desert": Theme("tiles", "desert", "Desert Tiles", (0.1, 0.12), (16, 32), ("tileset", "sand"), TERRAIN),
    "ice": Theme("tiles", "ice", "Glacier Tiles", BLUES, (16, 32), ("tileset", "winter"), TERRAIN),
    "buttons": Theme("ui", "buttons", "Buttons and Bars", ANY, (16,), ("UI", "button", "HUD"), (("png",), ("png", "x2"))),
    "vista": Theme("background", "vista", "Vistas", (0.3, 0.6, 0.75, 0.05), (16,), ("background", "parallax"), (("png", "png"), ("jpeg",), ("bmp", "png"))),
    "rock": Theme("texture", "rock", "Seamless Surfaces", ANY, (16,), ("texture", "seamless"), (("png", "png"), ("jpeg",)), "Texture"),
    "relief": Theme("relief", "relief", "Height Maps", (0.6,), (16,), ("heightmap", "terrain"), (("grey16", "png"),), "Texture"),
    "solid": Theme("solid", "solid", "Low-poly Solids", ANY, (16,), ("model", "low poly"), (("model-zip",),), "3D Art"),
    "sketch": Theme("painting", "sketch", "Mood Paintings", ANY, (16,), ("concept", "painting"), (("jpeg", "jpeg"),), "Concept Art"),
    "tune": Theme("background", "tune", "Tunes", (0.6,), (16,), ("music", "loop"), (("ogg",),), "Music"),
}  # fmt: skip

PLACES = (
    "Copper Hollow", "the Ninth Lagoon", "Fennelwick", "the Glass Orchard", "Hobnail Hill", "the Upper Marsh",
    "Port Sallow", "the Clockmaker's Attic", "Emberford", "the Quiet Moon", "Thistledown", "the Sunken Tram",
)  # fmt: skip
MOODS = (
    "Little",
    "Crooked",
    "Cheerful",
    "Sleepy",
    "Haunted",
    "Tidy",
    "Windy",
    "Forgotten",
    "Pocket",
    "Stubborn",
)

OPENINGS = (
    "Drawn over a rainy weekend for a small game about {place}.",
    "{noun} in a limited palette, made for a jam that never ended.",
    "A set I keep coming back to: {noun}, seen from {place}.",
)
MIDDLES = (
    "Every picture fits a {size} pixel grid and has a transparent ground.",
    "Colours are shared by all of them, so they sit well side by side.",
    "Scale them by whole numbers and without smoothing, please.",
)
CLOSINGS = (
    "Tell me if you use it &mdash; I like to see what becomes of it.",
    "More may follow when the evenings get longer.",
    "If a frame looks wrong, leave a comment below.",
)
REMARKS = (
    "This is just what my farming game was missing & more!",
    "Lovely colours. Could there be a <small> version?",
    "We used these in our jam entry, thank you.",
    "The second one looks as if it had had too much tea.",
)


def pick(rng: Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def new_title(rng: Generator, theme: Theme) -> str:
    return f"{pick(rng, MOODS)} {theme.noun} of {pick(rng, PLACES)}"


def prose(rng: Generator, theme: Theme, size_px: int, link: str | None) -> str:
    """The body of a work, as HTML."""
    facts = {"noun": theme.noun, "place": pick(rng, PLACES), "size": size_px}
    lines = [pick(rng, part).format(**facts) for part in (OPENINGS, MIDDLES, CLOSINGS)]
    if link:
        lines.append(f'Goes well with <a href="{link}">an earlier set</a> of mine.')
    return "\n".join(f"<p>{line}</p>" for line in lines)
