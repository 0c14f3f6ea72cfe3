"""From an embedder's name to the embedder."""

from __future__ import annotations

from artstore.errors import UsageError
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from embedder.keras_models import KerasEmbedder, fingerprint_of, recipe_for
from embedder.protocol import Embedder

NETWORKS = ("vgg16", "vgg16-classic")


def open_embedder(settings: Settings) -> Embedder:
    """Return the embedder that *settings* name, its network loaded.

    Raises :class:`~artstore.errors.UsageError` for an unknown name,
    :class:`~embedder.errors.MissingTensorFlow` and
    :class:`~embedder.errors.MissingWeights`; never another embedder instead.
    """
    if settings.embedder == "colour":
        return ColourEmbedder(settings.max_picture_px)
    check_name(settings.embedder)
    return KerasEmbedder(recipe_for(settings.embedder), settings)


def fingerprint(settings: Settings) -> str:
    """Return the fingerprint of the embedder that *settings* name, without loading it. Raises as it would."""
    if settings.embedder == "colour":
        return ColourEmbedder.fingerprint
    check_name(settings.embedder)
    return fingerprint_of(recipe_for(settings.embedder), settings)


def check_name(name: str) -> None:
    """Raise :class:`~artstore.errors.UsageError` unless *name* looks like an embedder's."""
    if name != "colour" and name not in NETWORKS and not name.startswith("keras:"):
        raise UsageError(
            f"no embedder is called {name!r}; there are {', '.join(NETWORKS)}, keras:<Application>, colour"
        )
