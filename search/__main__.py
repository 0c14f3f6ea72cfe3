"""``python -m search``: ask by a picture, by a picture's number, by words."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from artstore.command import run, talk
from artstore.settings import Settings
from artstore.vectors import index_kind
from embedder.registry import check_name
from search.engine import Engine
from search.hits import Hit
from search.output import write_hits

EXAMPLES = """\
examples:
  python -m search image sprite.png                     what looks like this picture
  python -m search image sprite.png --licence cc0,cc-by only what may be used under one of these
  python -m search like 1234 --top 20                   what looks like picture 1234 of an earlier answer
  python -m search words fire sword --json              what is called so, as JSON lines
  python -m search words '"fire sword"' -goblin         these words side by side, and no goblins

Exit codes: 0 found, 1 nothing found, 2 wrong usage, 3 not ready (the message says what to run),
130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        prog="python -m search",
        description="Find game art by similarity or by words, with author and licence.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--top", type=int, default=10, metavar="N", help="how many pictures (default: 10)")
    shared.add_argument(
        "--licence", metavar="LIST", help="only under one of these: cc0, cc-by, cc-by-sa-3.0, …"
    )
    shared.add_argument("--json", action="store_true", help="one JSON object a line, with every fact")
    shared.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder (default: data)")
    looks = argparse.ArgumentParser(add_help=False)
    looks.add_argument(
        "--embedder", metavar="NAME", help="whose vectors to ask (default: whichever are there)"
    )
    looks.add_argument("--weights", metavar="PATH", help="the weights that were given to the embedder")
    looks.add_argument("--index", metavar="URI", help="hnsw: (default) or exact:")
    questions = words.add_subparsers(dest="question", required=True, metavar="QUESTION")
    image = questions.add_parser("image", parents=[shared, looks], help="pictures that look like a file")
    image.add_argument("path", type=Path, metavar="PATH", help="a picture")
    like = questions.add_parser(
        "like", parents=[shared, looks], help="pictures that look like one that was found"
    )
    like.add_argument("image_id", type=int, metavar="ID", help="its image_id")
    text = questions.add_parser(
        "words", parents=[shared], help="pictures by title, tags, author and file names"
    )
    text.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help="all of them have to be there, beginnings count; '\"fire sword\"': side by side; -goblin: not that",
    )
    return words


def main(argv: Sequence[str]) -> int:
    """Answer the question in *argv* and return the exit code."""
    words = parser().parse_args(_with_minus_words(argv))
    hits = _ask(words)
    if not hits:
        talk("search: nothing found")
        return 1
    write_hits(hits, sys.stdout, as_json=words.json)
    return 0


def _with_minus_words(argv: Sequence[str]) -> list[str]:
    """Return *argv* with a space before each ``-word`` of a question by words: argparse would take it for an option."""
    if argv[:1] != ["words"]:
        return list(argv)
    return [f" {word}" if re.match(r"-[^-]", word) and word != "-h" else word for word in argv]


def _ask(words: argparse.Namespace) -> list[Hit]:
    embedder = getattr(words, "embedder", None)
    if embedder:
        check_name(embedder)
    settings = Settings.load(
        data_dir=words.data_dir, weights=getattr(words, "weights", None), index=getattr(words, "index", None)
    )
    index_kind(settings.index)
    with Engine(settings, embedder=embedder) as engine:
        if words.question == "words":
            return engine.words(" ".join(words.words), top=words.top, licence=words.licence)
        if words.question == "image":
            hits = engine.image(words.path, top=words.top, licence=words.licence)
        else:
            hits = engine.like(words.image_id, top=words.top, licence=words.licence)
        if not embedder and engine.embedder_name != settings.embedder:
            talk(f"search: by {engine.embedder_name}; nothing has been embedded by {settings.embedder}")
        return hits


if __name__ == "__main__":
    sys.exit(run("search", main))
