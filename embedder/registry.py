"""From an embedder's name to the embedder."""

from __future__ import annotations

from artstore.errors import UsageError
from artstore.settings import Settings
from embedder.colour import ColourEmbedder
from embedder.errors import NO_TENSORFLOW, MissingTensorFlow
from embedder.keras_models import (
    KerasEmbedder,
    fetch_weights,
    fingerprint_of,
    has_tensorflow,
    import_keras,
    recipe_for,
)
from embedder.palette_blind import PaletteBlindEmbedder
from embedder.precision import AUTO, check_precision, of_features
from embedder.protocol import Embedder

NETWORKS = ("vgg16", "vgg16-classic")

WITHOUT_NETWORK: dict[str, type[ColourEmbedder | PaletteBlindEmbedder]] = {
    "colour": ColourEmbedder,
    "palette-blind": PaletteBlindEmbedder,
}


def open_embedder(settings: Settings, threads: int | None = None) -> Embedder:
    """Return the embedder that *settings* name, its network loaded, computing in *threads* (default: as many as there are cores).

    Raises :class:`~artstore.errors.UsageError` for an unknown name,
    :class:`~embedder.errors.MissingTensorFlow` and
    :class:`~embedder.errors.MissingWeights`; never another embedder instead.
    """
    check(settings)
    if settings.embedder in WITHOUT_NETWORK:
        return WITHOUT_NETWORK[settings.embedder](settings.max_picture_px)
    return KerasEmbedder(recipe_for(settings.embedder), settings, threads)


def make_ready(settings: Settings) -> None:
    """Do what may be done once for several that open the same embedder: check its name, fetch its weights.

    Raises as :func:`open_embedder` does.
    """
    check(settings)
    if is_network(settings):
        if not has_tensorflow():
            raise MissingTensorFlow(NO_TENSORFLOW)
        fetch_weights(recipe_for(settings.embedder), settings)


def load_library(settings: Settings) -> None:
    """Import what the embedder is made with, which takes seconds. Raises :class:`~embedder.errors.MissingTensorFlow`."""
    if is_network(settings):
        import_keras()


def fingerprint(settings: Settings) -> str:
    """Return the fingerprint of the embedder that *settings* name, without loading it. Raises as it would.

    The precision has to be named: what is best here, only TensorFlow knows.
    """
    check(settings)
    if settings.embedder in WITHOUT_NETWORK:
        return WITHOUT_NETWORK[settings.embedder].fingerprint
    return fingerprint_of(recipe_for(settings.embedder), settings)


def as_made(settings: Settings, fingerprint: str) -> Settings:
    """Return *settings* with the precision of the features that have *fingerprint*, unless they name another."""
    if settings.precision != AUTO:
        return settings
    return settings.override(precision=of_features(fingerprint))


def check(settings: Settings) -> None:
    """Raise :class:`~artstore.errors.UsageError` unless *settings* name what looks like an embedder, and a precision."""
    check_name(settings.embedder)
    check_precision(settings.precision)


def check_name(name: str) -> None:
    """Raise :class:`~artstore.errors.UsageError` unless *name* looks like an embedder's."""
    if name not in WITHOUT_NETWORK and name not in NETWORKS and not name.startswith("keras:"):
        raise UsageError(
            f"no embedder is called {name!r}; there are {', '.join(NETWORKS)}, keras:<Application>, "
            f"{', '.join(WITHOUT_NETWORK)}"
        )


def is_network(settings: Settings) -> bool:
    """Say whether the embedder is a network: one that takes seconds to load, and gigabytes."""
    return settings.embedder not in WITHOUT_NETWORK
