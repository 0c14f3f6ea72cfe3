"""The networks of ``keras.applications``, and the only import of TensorFlow in the house.

VGG16 (Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale
Image Recognition", 2014) gives the output of its second fully connected layer,
``fc2``; any other application gives its last feature maps, averaged.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstore.errors import UsageError
from artstore.settings import Settings
from embedder import preparation
from embedder.errors import MissingTensorFlow, MissingWeights
from embedder.weights import CHECK_WEIGHTS, vgg16_weights, weights_name

IMAGENET = "imagenet"
RANDOM = "random"

BATCH_SIZE = 32
"""On two cores, larger batches gained next to nothing and cost memory."""

RANDOM_SEED = 16

_CHATTER = re.compile(r"[IWE]\d{4} |WARNING: All log messages before absl")

_SIDES = {
    "InceptionV3": 299, "Xception": 299, "InceptionResNetV2": 299, "NASNetLarge": 331,
    "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300, "EfficientNetB4": 380,
    "EfficientNetB5": 456, "EfficientNetB6": 528, "EfficientNetB7": 600,
    "EfficientNetV2B1": 240, "EfficientNetV2B2": 260, "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480,
}  # fmt: skip
"""Input sides, in pixels, of the applications that do not use 224."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An embedder before its network is loaded."""

    name: str
    application: str
    prepare: Callable[[Path, int, int], NDArray[np.uint8]]
    preparation_version: str


class KerasEmbedder:
    """A network with its preparation; loading it takes seconds and its weights' size in memory."""

    batch_size = BATCH_SIZE

    def __init__(self, recipe: Recipe, settings: Settings) -> None:
        # First of all: weights that are not there are told before anything slow begins.
        self.fingerprint = fingerprint_of(recipe, settings)
        keras = import_keras()
        self.name = recipe.name
        self._prepare = recipe.prepare
        self._max_px = settings.max_picture_px
        self._side = _SIDES.get(recipe.application, 224)
        module = _application_module(keras, recipe.application)
        network = _load(keras, module, recipe.application, self._side, settings)
        self.dim = int(network.output_shape[-1])
        self._run = _compiled(network, module.preprocess_input)

    def prepare(self, source: Path) -> NDArray[np.uint8]:
        """Return RGB of shape (s, s, 3)."""
        return self._prepare(source, self._side, self._max_px)

    def embed(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Return the features, shape (n, d)."""
        return np.asarray(self._run(batch), np.float32)


def import_keras() -> ModuleType:
    """Import Keras with TensorFlow behind it. Raises :class:`~embedder.errors.MissingTensorFlow`."""
    # Read by TensorFlow's C++ side: a machine without a GPU is told so as an error, at every start.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_chatter():
            import tensorflow as tf
    except ImportError as error:
        raise MissingTensorFlow(
            f"this embedder needs TensorFlow ({error}); `pip install tensorflow`, or use --embedder colour"
        ) from error
    keras: ModuleType = tf.keras
    return keras


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold stderr back, and let through only what is not one of TensorFlow's notes about itself.

    They are written by C++ before any log level counts, hence the file descriptor.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            told = [
                line for line in held.read().decode(errors="replace").splitlines() if not _CHATTER.match(line)
            ]
            sys.stderr.writelines(f"{line}\n" for line in told)


def has_tensorflow() -> bool:
    """Say whether TensorFlow is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec("tensorflow") is not None


def _application_module(keras: ModuleType, application: str) -> ModuleType:
    """Return the module of *application*, which holds its preprocessing too."""
    builders = {
        name: build
        for name, build in vars(keras.applications).items()
        if name[:1].isupper() and isinstance(build, FunctionType)
    }
    if application not in builders:
        raise UsageError(
            f"keras.applications has no {application!r}; there are {', '.join(sorted(builders))}"
        )
    # Where it was written: some of the public modules (MobileNetV3) hold the preprocessing alone.
    return import_module(builders[application].__module__)


def _load(keras: ModuleType, module: ModuleType, application: str, side: int, settings: Settings) -> Any:
    is_vgg16 = application == "VGG16"
    weights = settings.weights
    build = getattr(module, application)
    if weights == IMAGENET and is_vgg16:
        weights = str(vgg16_weights(settings.weights_dir))
    options = {} if is_vgg16 else {"include_top": False, "input_shape": (side, side, 3)}
    if weights == IMAGENET:
        network = _downloaded(build, options, application)
    else:
        network = build(weights=None, **options)
        if weights == RANDOM:
            _randomise(network)
        else:
            _read_weights(network, Path(weights))
    if is_vgg16:
        return keras.Model(network.input, network.get_layer("fc2").output)
    return keras.Model(network.input, keras.layers.GlobalAveragePooling2D()(network.output))


def _downloaded(build: Callable[..., Any], options: dict[str, Any], application: str) -> Any:
    try:
        # Keras tells of its downloads on stdout, which is for data.
        with redirect_stdout(sys.stderr):
            return build(weights=IMAGENET, **options)
    except Exception as error:
        raise MissingWeights(
            f"Keras could not get the ImageNet weights of {application} ({error}). "
            "Give --weights PATH, or use --embedder colour, which needs none"
        ) from error


def _read_weights(network: Any, path: Path) -> None:
    try:
        with warnings.catch_warnings():
            # Of parts that the file lacks Keras only warns, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(path)
    except (OSError, ValueError, KeyError, TypeError, UserWarning) as error:
        why = str(error).partition(". ")[0].rstrip(".")
        raise MissingWeights(f"{path} holds no weights for this network ({why}): {CHECK_WEIGHTS}") from error


def _randomise(network: Any) -> None:
    """Give every kernel He-normal numbers from a fixed seed: the cost of the real network, and none of its sense."""
    random = np.random.default_rng(RANDOM_SEED)
    for layer in network.layers:
        if len(values := layer.get_weights()) and values[0].ndim >= 2:
            fan_in = int(np.prod(values[0].shape[:-1]))
            kernel = random.standard_normal(values[0].shape, np.float32) * np.float32(np.sqrt(2 / fan_in))
            layer.set_weights([kernel, *values[1:]])


def _compiled(network: Any, preprocess: Callable[[Any], Any]) -> Callable[[NDArray[Any]], Any]:
    import tensorflow as tf

    shape = (None, *network.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8)])  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        # In float32 and inside the graph: preprocessing that writes over its input cannot reach the caller's array.
        return network(preprocess(tf.cast(batch, tf.float32)), training=False)

    return run  # type: ignore[no-any-return]


def _weights_name(weights: str) -> str:
    if weights in {IMAGENET, RANDOM}:
        return f"{weights} weights"
    return weights_name(Path(weights))


def fingerprint_of(recipe: Recipe, settings: Settings) -> str:
    """Return the fingerprint without loading the network. Raises :class:`~embedder.errors.MissingWeights`."""
    return f"{_weights_name(settings.weights)}, {recipe.preparation_version}, float32"


def recipe_for(name: str) -> Recipe:
    """Return the recipe called *name*: ``vgg16``, ``vgg16-classic`` or ``keras:<Application>``."""
    if name == "vgg16-classic":
        return Recipe(name, "VGG16", preparation.classic, preparation.CLASSIC_VERSION)
    application = "VGG16" if name == "vgg16" else name.removeprefix("keras:")
    return Recipe(name, application, preparation.sprite, preparation.SPRITE_VERSION)
