"""``make demo``: the whole street on this machine, against a small OpenGameArt of our own.

    crawl a loopback site -> embed its pictures -> ask a few questions -> say how to ask more

Everything runs through the same command lines that a person would type, and
lands in ``demo-data/``. Running it again finds nothing left to do.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from artstore.catalog import Catalog
from artstore.command import run, talk
from artstore.errors import NotReady, OgaError
from artstore.ledger import embedders
from artstore.library import Library
from artstore.settings import Settings
from embedder.keras_models import has_tensorflow
from embedder.weights import vgg16_weights
from tests.replica import ReplicaServer, Site, build_site

PORT_FILE = "replica-port"

ROOT = Path(__file__).parent.parent

EPILOG = "The site is drawn from a seed by tests/replica; its art, names and words are invented."


class StepFailed(OgaError):
    """A command of the demo did not end well."""


def main(argv: Sequence[str]) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.demo", description=__doc__.splitlines()[0], epilog=EPILOG
    )
    parser.add_argument("--data-dir", type=Path, default=Path("demo-data"), help="default: demo-data")
    parser.add_argument("--works", type=int, default=64, help="how many works the site has (default: 64)")
    parser.add_argument(
        "--serve", action="store_true", help="on a terminal, end by serving the page until Ctrl-C"
    )
    words = parser.parse_args(argv)
    settings = Settings.load(data_dir=words.data_dir)
    site = build_site(works=words.works)
    with _serve(site, words.data_dir) as server:
        flat = sum("2D Art" in {name for name, _ in work.art_types} for work in site.works)
        talk(
            f"[1/4] A small OpenGameArt of {len(site.works)} works, {flat} of them 2D art, is at {server.url} for now"
        )
        talk("[2/4] Crawl it: pages, files, pictures, catalog")
        # Our own server needs no pauses; OpenGameArt does, and gets them by default.
        _run(
            "scrapy",
            "crawl",
            "oga",
            "-s",
            "AUTOTHROTTLE_ENABLED=0",
            "-s",
            "OGA_WORKS_PER_PAGE=24",
            data_dir=words.data_dir,
            site_url=server.url,
        )
        embedder = _choose_embedder(settings)
        talk(f"[3/4] Embed its pictures ({embedder}), and build the index")
        _run(sys.executable, "-m", "embedder", "--embedder", embedder, data_dir=words.data_dir)
        talk("[4/4] Ask")
        _ask(words.data_dir)
        _say_more(words.data_dir, embedder)
        if words.serve and sys.stderr.isatty():
            _serve_page(words.data_dir)
    return 0


def _serve(site: Site, data_dir: Path) -> ReplicaServer:
    """Serve *site* where it was served before: addresses are what works are known by."""
    memory = data_dir / PORT_FILE
    port = int(memory.read_text()) if memory.exists() else 0
    try:
        server = ReplicaServer(site, port=port)
    except OSError as error:
        raise NotReady(
            f"port {port}, where the demo's site was before, is in use; `rm -r {data_dir}` starts over"
        ) from error
    data_dir.mkdir(parents=True, exist_ok=True)
    memory.write_text(server.url.rpartition(":")[2])
    return server


def _serve_page(data_dir: Path) -> None:
    """Serve the page at a port that is free, beside the site that its links lead to."""
    # Ctrl-C is for the page, which ends well of it; a handler that does something else is not handed on to it.
    signal.signal(signal.SIGINT, lambda *_: None)
    talk("\nHere is the page of it:")
    _run(sys.executable, "-m", "search", "serve", "--port", "0", data_dir=data_dir)


def _choose_embedder(settings: Settings) -> str:
    """Return vgg16 if it can work here, else colour, and say so; what was chosen before stays."""
    with Catalog(settings.catalog_path) as catalog:
        if known := embedders(catalog):
            return known[0].name
    if not has_tensorflow():
        talk("TensorFlow is not installed here: the demo uses the colour embedder, which needs none")
        return "colour"
    try:
        vgg16_weights(settings.weights_dir)
    except NotReady as error:
        talk(f"No VGG16 here, so the demo uses the colour embedder, which needs no weights ({error})")
        return "colour"
    return "vgg16"


def _ask(data_dir: Path) -> None:
    question, of_image_id = _question(data_dir)
    _show("words", "sword", "--top", "5", data_dir=data_dir)
    talk(
        f"\n{question} is a sprite of unknown origin: one of the crawled ones, enlarged, with a border. Whose is it?"
    )
    _show("whose", str(question), data_dir=data_dir)
    talk("\nWhat looks like it?")
    _show("image", str(question), "--top", "5", data_dir=data_dir)
    talk("\nMore like it, under licences that ask for nothing or for credit only:")
    _show("like", str(of_image_id), "--top", "5", "--licence", "cc0,cc-by,oga-by", data_dir=data_dir)


def _question(data_dir: Path) -> tuple[Path, int]:
    """Make a question of a small sprite of the site: three times as large, with a transparent border."""
    with Catalog(data_dir / "catalog.db", read_only=True) as catalog:
        library = Library(catalog)
        ids = library.find_words("sword png", 50)
        record = next(
            r for r in library.describe(ids) if r.member is None and r.width_px < 64 and r.frames == 1
        )
    with Image.open(data_dir / record.path) as sprite:
        large = sprite.convert("RGBA").resize((sprite.width * 3, sprite.height * 3), Image.Resampling.NEAREST)
    canvas = Image.new("RGBA", (large.width + 20, large.height + 30))
    canvas.paste(large, (10, 12))
    question = data_dir / "unknown-sprite.png"
    canvas.save(question)
    return question, record.image_id


def _show(*question: str, data_dir: Path) -> None:
    command = ["-m", "search", *question, "--data-dir", str(data_dir)]
    talk(f"\n$ {shlex.join(['python', *command])}")
    _run(sys.executable, *command, data_dir=data_dir)


def _run(*command: str, data_dir: Path, site_url: str = "") -> None:
    """Run *command* as a person would, in the project's folder; its talk and its data go where ours go."""
    program = [sys.executable, "-m", *command] if command[0] == "scrapy" else [*command]
    environment = os.environ | {"OGA_DATA_DIR": str(data_dir.resolve())}
    if site_url:
        # A proxy of this machine's owner cannot reach our own server.
        environment |= {"OGA_SITE_URL": site_url, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    ended = subprocess.run(program, cwd=ROOT, env=environment, check=False)
    if ended.returncode:
        raise StepFailed(f"`{shlex.join(command)}` ended with {ended.returncode}; its messages above say why")


def _say_more(data_dir: Path, embedder: str) -> None:
    port = (data_dir / PORT_FILE).read_text()
    talk(f"""
See it all in a browser, with .venv/bin/python (or after `. .venv/bin/activate`):
  python -m search serve --data-dir {data_dir}     then open http://127.0.0.1:8000/

Ask more:
  python -m search image PICTURE --data-dir {data_dir}
  python -m search words goblin market --data-dir {data_dir}
  python -m embedder --status --data-dir {data_dir}
  python -m tests.replica --port {port}       serve the pages that the answers link to
  python -m embedder --add FOLDER --embedder {embedder}   art that you already have
  scrapy crawl oga -a max_pages=1          the real site, politely: 10 s between requests
`python -m search --help` says the rest; README.md says what it all is.""")


if __name__ == "__main__":
    sys.exit(run("demo", main))
