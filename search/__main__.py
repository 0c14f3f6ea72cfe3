"""``python -m search``: ask by pictures or by words, whose a picture is, what to credit; export what is known; serve it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from artstore.command import loading, run, talk

with loading("search"):
    from artstore.settings import Settings
    from artstore.vectors import index_kind
    from embedder.registry import check_name
    from search.arguments import filter_of, parse, parser
    from search.credit_formats import write_credits
    from search.engine import Engine
    from search.export import write_features, write_list
    from search.hits import Hits
    from search.mixing import Part, part_of
    from search.output import write_hits, write_origins

if TYPE_CHECKING:
    import argparse

__all__ = ["main", "parser"]


def main(argv: Sequence[str]) -> int:
    """Answer the question in *argv* and return the exit code."""
    words = parse(argv)
    embedder = getattr(words, "embedder", None)
    if embedder:
        check_name(embedder)
    settings = Settings.load(
        data_dir=words.data_dir, weights=getattr(words, "weights", None), index=getattr(words, "index", None)
    )
    index_kind(settings.index)
    if words.question == "serve":
        # Only here: nobody else needs what serves.
        from search.web.serve import Place, serve

        place = Place(words.host, words.port, words.workers, words.root_path)
        return serve(settings, place, embedder=embedder)
    with Engine(settings, embedder=embedder) as engine:
        if words.question == "credits":
            return _credits(engine, words)
        if words.question == "whose":
            return _whose(engine, words)
        if words.question == "export":
            return _export(engine, words)
        hits = _hits(engine, words)
        by_looks = words.question in {"image", "like", "mix"}
        if by_looks and not embedder and engine.embedder_name != settings.embedder:
            talk(f"search: by {engine.embedder_name}; nothing is indexed by {settings.embedder}")
    if hits.hidden:
        talk(f"search: the filter hides {hits.hidden:,} more pictures")
    if not hits:
        talk("search: nothing found")
        return 1
    write_hits(hits, sys.stdout, as_json=words.json)
    return 0


def _hits(engine: Engine, words: argparse.Namespace) -> Hits:
    if words.question == "group":
        return engine.group(words.image_id)
    only = filter_of(words)
    if words.question == "words":
        return engine.words(" ".join(words.words), top=words.top, only=only, expand=words.expand)
    return engine.mix(_parts(words), top=words.top, only=only, expand=words.expand)


def _parts(words: argparse.Namespace) -> list[Part]:
    if words.question == "image":
        return [Part(words.path, box=words.box)]
    if words.question == "like":
        return [Part(words.image_id, box=words.box)]
    return [*map(part_of, words.like), *(part_of(text, unlike=True) for text in words.unlike)]


def _whose(engine: Engine, words: argparse.Namespace) -> int:
    found = engine.whose(words.path)
    if not found.origins:
        nearest = found.nearest
        told = (
            f"; the nearest is picture {nearest.image_id} at distance {nearest.distance:.2f}"
            if nearest
            else ""
        )
        talk(f"search: nothing here is close enough to say whose {words.path} is{told}")
        return 1
    write_origins(found.origins, sys.stdout, as_json=words.json)
    return 0


def _export(engine: Engine, words: argparse.Namespace) -> int:
    if words.features is None:
        write_list(engine.pictures(), sys.stdout)
        return 0
    rows = engine.features()
    write_features(rows, words.features)
    talk(
        f"search: {len(rows.ids):,} features of {rows.dim} numbers by {engine.embedder_name} in {words.features}"
    )
    return 0


def _credits(engine: Engine, words: argparse.Namespace) -> int:
    found = engine.credits(words.image_ids)
    write_credits(found, sys.stdout, words.format)
    for warning in found.warnings:
        talk(f"search: {warning}")
    return 0


if __name__ == "__main__":
    sys.exit(run("search", main))
