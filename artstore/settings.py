"""Every setting of the house, typed, with its unit in its name.

A value comes from the flag of a command, else from the environment variable
``OGA_<NAME>``, else from the default here. :meth:`Settings.load` is the only
function that reads the environment.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from artstore.errors import UsageError

PREFIX = "OGA_"

MIB = 1 << 20

MAX_DAYS = 100_000.0
"""As many as a date can hold."""

TEST_DATA = "OGA_REAL_DATA"
"""Read by the tests alone, which look there for real art."""

logger = logging.getLogger(__name__)


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this run of the house is set up; see ``docs/settings.md``."""

    data_dir: Path = _setting(Path("data"), "The data folder: catalog, files, features, indexes.")
    site_url: str = _setting("https://opengameart.org", "The site to crawl, without a slash at the end.")
    contact: str = _setting("", "Your address for the user agent, so that the site can reach you.")
    works_per_page: int = _setting(144, "Works on a listing page; 144 is the most that the site gives.")
    recrawl_after_days: float = _setting(30.0, "Days after which a work is asked for again.")
    max_crawl_bytes: int = _setting(
        1 << 40, "After so many bytes of files, a crawl downloads no more of them."
    )
    max_file_bytes: int = _setting(2048 * MIB, "Larger downloads are recorded as too large.")
    max_pause_s: int = _setting(
        3600, "A site that asks for a longer pause (Retry-After) ends the crawl; shorter ones are kept."
    )
    max_errors_in_a_row: int = _setting(
        20, "Requests without a healthy answer, one after the other, that end the crawl."
    )
    browser: bool = _setting(False, "Read all pages through a browser, not only those that need one.")  # noqa: FBT003
    chromium: str = _setting(
        "", "The Chromium to use; empty: Playwright's own, else chromium, chromium-browser or google-chrome."
    )
    embed: bool = _setting(False, "Embed while crawling.")  # noqa: FBT003 - the default of a flag
    embedder: str = _setting("vgg16", "vgg16, vgg16-classic, keras:<Application>, colour or palette-blind.")
    weights: str = _setting("imagenet", "imagenet, random (for tests), or the path of a weights file.")
    weights_dir: Path = _setting(
        Path("~/.keras/models"), "Where downloaded weights are kept; $KERAS_HOME/models where that is set."
    )
    precision: str = _setting(
        "auto",
        "The numbers that networks compute in: float32, bfloat16, or auto: those of the features that there are, else bfloat16 where it is faster.",
    )
    embed_processes: int = _setting(
        0, "Processes that embed beside each other; 0: one for each core that there is memory for."
    )
    low_memory: bool = _setting(False, "Embed in one process, a few pictures at a time, in less than 2 GB.")  # noqa: FBT003
    index: str = _setting(
        "hnsw:",
        "Where vectors are searched: hnsw:, faiss: or exact:; hnsw:128 holds so many numbers of each.",
    )
    decode_threads: int = _setting(
        2,
        "Processes that look for pictures while crawling, and that compare pictures, and threads that prepare pictures for a GPU.",
    )
    max_picture_px: int = _setting(100_000_000, "Pictures of more pixels are not decoded.")
    max_archive_bytes: int = _setting(4096 * MIB, "Unpacked bytes of one archive, counted while reading.")
    max_member_bytes: int = _setting(512 * MIB, "Unpacked bytes of one member of an archive.")
    max_archive_members: int = _setting(100_000, "Members of one archive, with those of the archives in it.")
    max_archive_depth: int = _setting(3, "Archives in archives; 1 looks into none.")
    max_archive_s: float = _setting(600.0, "Seconds that unpacking one archive may take.")
    max_examine_bytes: int = _setting(
        4096 * MIB,
        "Memory of each process that unpacks and decodes, 300 MB or more; what needs more is recorded (on Linux).",
    )
    max_archive_ratio: int = _setting(1000, "Unpacked bytes per packed byte of one archive, from 1 MiB on.")
    max_upload_bytes: int = _setting(
        16 * MIB, "Larger pictures are not taken to ask with, uploaded or fetched from a URL."
    )
    max_upload_px: int = _setting(
        25_000_000, "Nor are those of more pixels; frames that go beyond that together are left out."
    )
    max_uploads_bytes: int = _setting(
        1024 * MIB, "Pictures that were asked with are kept up to so many bytes, the latest longest."
    )
    keep_uploads_days: float = _setting(7.0, "And so many days, in which links to their answers work.")
    max_thumbs_bytes: int = _setting(
        16_384 * MIB, "Pictures drawn for browsers are kept up to so many bytes, the latest longest."
    )
    max_fetch_s: float = _setting(15.0, "Seconds that fetching a picture from a URL may take.")
    questions_at_once: int = _setting(
        2, "Questions that one process of the web page answers beside each other."
    )
    max_waiting_questions: int = _setting(
        64, "Questions that may wait for that; more are asked to come back (503)."
    )
    questions_per_minute: int = _setting(
        240, "From one address, on average; uploads count as eight. More are asked to come back (429)."
    )
    trusted_proxies: str = _setting(
        "",
        "Addresses, or networks, with commas, of reverse proxies whose X-Forwarded-For says who asks; empty: none.",
    )

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """Return the settings of this process; a flag that is None was not given.

        Raises :class:`~artstore.errors.UsageError` for a value of the wrong type.
        """
        named = cls.from_mapping(os.environ)
        known = {env_name(f) for f in fields(cls)} | {TEST_DATA}
        for name in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
            logger.warning("%s is no setting; docs/settings.md has them all", name)
        if (keras_home := os.environ.get("KERAS_HOME")) and not os.environ.get("OGA_WEIGHTS_DIR"):
            named = named.override(weights_dir=Path(keras_home) / "models")
        return named.override(**flags)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the settings that *mapping* names as ``OGA_<NAME>``; other keys, and empty values, are ignored."""
        named = {
            f.name: mapping[env_name(f)] for f in fields(cls) if mapping.get(env_name(f)) not in (None, "")
        }
        return cls().override(**named)

    def override(self, **flags: Any) -> Self:
        """Return a copy in which each flag that is not None replaces its setting."""
        given = {name: value for name, value in flags.items() if value is not None}
        types = {f.name: type(f.default) for f in fields(self)}
        if unknown := given.keys() - types.keys():
            raise UsageError(f"there is no setting {min(unknown)!r}; there are {', '.join(types)}")
        return replace(self, **{name: _typed(name, value, types[name]) for name, value in given.items()})

    @property
    def catalog_path(self) -> Path:
        """The SQLite catalog."""
        return self.data_dir / "catalog.db"

    @property
    def files_dir(self) -> Path:
        """Downloads, under their decoded names."""
        return self.data_dir / "files"

    @property
    def thumbs_dir(self) -> Path:
        """Small pictures, and large ones as browsers can show them; a cache."""
        return self.data_dir / "thumbs"

    @property
    def uploads_dir(self) -> Path:
        """Pictures that were asked with on the web page, for some days."""
        return self.data_dir / "uploads"

    def features_dir(self, embedder: str) -> Path:
        """The full vectors of *embedder*."""
        return self.data_dir / "features" / folder_name(embedder)

    def index_path(self, embedder: str) -> Path:
        """The stem of the index over *embedder*'s vectors; the index adds its suffixes."""
        return self.data_dir / "index" / folder_name(embedder)


def hand_on(name: str, value: str) -> None:
    """Set an environment variable, unless it is, for a library, and for processes started from here, that read it."""
    os.environ.setdefault(name, value)


def env_name(setting: Field[Any]) -> str:
    """Return the environment variable, and Scrapy setting, of *setting*."""
    return PREFIX + setting.name.upper()


def folder_name(embedder: str) -> str:
    """Return *embedder*'s name as a file name: ``keras:ResNet50`` is ``keras-ResNet50`` on disk."""
    return embedder.replace(":", "-")


LEAST = {
    # What a process takes before it has read anything, and some room.
    "max_examine_bytes": 300_000_000,
    "embed_processes": 0,
}
"""Of those numbers that may not be 1, or may be less."""


def _typed(name: str, value: Any, kind: type) -> Any:
    try:
        typed = _flag(value) if kind is bool else kind(value)
    except (TypeError, ValueError):
        raise UsageError(
            f"{PREFIX}{name.upper()}={value!r} is not a value of type {kind.__name__}; see docs/settings.md"
        ) from None
    if (kind is int and typed < LEAST.get(name, 1)) or (kind is float and not 0 <= typed <= MAX_DAYS):
        raise UsageError(f"{PREFIX}{name.upper()}={value!r} is out of range; see docs/settings.md")
    return typed


def _flag(value: object) -> bool:
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError(value) from None
