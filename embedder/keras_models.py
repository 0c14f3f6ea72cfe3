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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstore.errors import UsageError
from artstore.settings import Settings
from embedder import precision, preparation
from embedder.errors import NO_TENSORFLOW, MissingTensorFlow, MissingWeights
from embedder.stored_weights import Rows, parts, read_weights
from embedder.weights import check_file, vgg16_weights, weights_name

IMAGENET = "imagenet"
RANDOM = "random"

BATCH_SIZES = {precision.BFLOAT16: 16, precision.FLOAT32: 8}
"""On one core, twice as many gain a thirtieth, and cost 300 MB."""

SMALL_BATCH_SIZE = 4
"""Where memory is short."""

GPU_BATCH_SIZE = 256
"""To begin with: it is halved until the GPU's memory takes it."""

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


_GAIN = frozenset({"VGG16", "VGG19"})
"""Those that were seen to be faster in bfloat16 where the processor is: others have little to multiply."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """An embedder before its network is loaded."""

    name: str
    application: str
    prepare: Callable[[Path, int, int], NDArray[np.uint8]]
    preparation_version: str


class KerasEmbedder:
    """A network with its preparation; loading it takes seconds and its weights' size in memory."""

    def __init__(self, recipe: Recipe, settings: Settings, threads: int | None = None) -> None:
        # First of all: weights that are not there are told before anything slow begins.
        weights = _weights_name(settings.weights)
        keras = import_keras()
        gpus = _gpus()
        if not gpus and threads:
            _use_threads(threads)
        computed_in = _precision(recipe, settings, gpus)
        if computed_in == precision.BFLOAT16 and not settings.low_memory:
            # Weights are kept a second time, as matrix units want them: a tenth faster. In float32 that gains nothing.
            os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")
        self.fingerprint = _fingerprint(weights, recipe, computed_in)
        self.on_gpu = bool(gpus)
        usual = SMALL_BATCH_SIZE if settings.low_memory else BATCH_SIZES[computed_in]
        self.batch_size = GPU_BATCH_SIZE if gpus else usual
        self.name = recipe.name
        self._prepare = recipe.prepare
        self._max_px = settings.max_picture_px
        self._side = _SIDES.get(recipe.application, 224)
        module = _application_module(keras, recipe.application)
        with _computing_in(keras, computed_in):
            network = _load(keras, module, recipe.application, self._side, settings)
        self.dim = int(network.output_shape[-1])
        self._run = halving(_compiled(network, module.preprocess_input))

    def prepare(self, source: Path) -> NDArray[np.uint8]:
        """Return RGB of shape (s, s, 3)."""
        return self._prepare(source, self._side, self._max_px)

    def embed(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Return the features, shape (n, d)."""
        return self._run(batch)


def import_keras() -> ModuleType:
    """Import Keras with TensorFlow behind it. Raises :class:`~embedder.errors.MissingTensorFlow`."""
    # Read by TensorFlow's C++ side: a machine without a GPU is told so as an error, at every start.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_chatter():
            import tensorflow as tf
    except ImportError as error:
        raise MissingTensorFlow(f"{NO_TENSORFLOW} ({error})") from error
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


def _gpus() -> list[Any]:
    import tensorflow as tf

    gpus = list(tf.config.list_physical_devices("GPU"))
    for gpu in gpus:
        # Otherwise whoever is first takes all its memory, and a search beside an embedder finds none. Once something
        # was computed here, it is too late.
        with suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    return gpus


def _use_threads(count: int) -> None:
    """Compute in *count* threads; only before anything was computed in this process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _precision(recipe: Recipe, settings: Settings, gpus: Sequence[Any]) -> str:
    if settings.precision != precision.AUTO:
        return settings.precision
    if recipe.application not in _GAIN:
        return precision.FLOAT32
    if gpus:
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(gpus[0])
        return precision.of_gpu(details.get("compute_capability"))
    return precision.of_processor()


@contextmanager
def _computing_in(keras: ModuleType, computed_in: str) -> Iterator[None]:
    """Let the networks that are built here keep their weights, and compute, in that precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(computed_in)
    try:
        # Random numbers, which are written over, would cost memory that TensorFlow never gives back.
        with keras.utils.custom_object_scope({"glorot_uniform": keras.initializers.Zeros}):
            yield
    finally:
        keras.config.set_dtype_policy(before)


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
            randomise(network)
        else:
            read_weights(network, Path(weights), fill)
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


def randomise(network: Any) -> None:
    """Give every kernel He-normal numbers from a fixed seed: the cost of the real network, and none of its sense."""
    random = np.random.default_rng(RANDOM_SEED)
    for layer in network.layers:
        if layer.weights and len(shape := tuple(layer.weights[0].shape)) >= 2:
            deviation = np.float32(np.sqrt(2 / int(np.prod(shape[:-1]))))
            fill(layer.weights[0], partial(_normal, random, shape, deviation))


def _normal(
    random: np.random.Generator, shape: tuple[int, ...], deviation: np.float32, start: int, end: int
) -> NDArray[np.float32]:
    return random.standard_normal((end - start, *shape[1:]), np.float32) * deviation


def fill(variable: Any, rows: Rows) -> None:
    """Let *variable* be what *rows* gives, part by part, rounded to its precision."""
    import tensorflow as tf

    numbers = variable.value
    for start, end in parts(variable):
        part = np.asarray(rows(start, end)).astype(numbers.dtype.as_numpy_dtype)
        tf.raw_ops.ResourceStridedSliceAssign(
            ref=numbers.handle, begin=[start], end=[end], strides=[1], value=part
        )
    # A variable that was written to in parts is otherwise copied whenever it is read: at every picture.
    tf.raw_ops.DisableCopyOnRead(resource=numbers.handle)


def _compiled(network: Any, preprocess: Callable[[Any], Any]) -> Callable[[NDArray[Any]], Any]:
    import tensorflow as tf

    shape = (None, *network.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8)])  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        # In float32 and inside the graph: preprocessing that writes over its input cannot reach the caller's array.
        return tf.cast(network(preprocess(tf.cast(batch, tf.float32)), training=False), tf.float32)

    return run  # type: ignore[no-any-return]


def halving(run: Callable[[NDArray[Any]], Any]) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return *run* for batches that the memory of a GPU may not take: it gets half as many until it does."""
    import tensorflow as tf

    most = GPU_BATCH_SIZE

    def run_in_parts(batch: NDArray[Any]) -> NDArray[np.float32]:
        nonlocal most
        while True:
            try:
                some = [batch[start : start + most] for start in range(0, len(batch), most)]
                found = [np.asarray(run(part), np.float32) for part in some]
            except tf.errors.ResourceExhaustedError:
                if most == 1:
                    raise
                most = max(1, min(most, len(batch)) // 2)
            else:
                return np.concatenate(found)

    return run_in_parts


def _weights_name(weights: str) -> str:
    if weights in {IMAGENET, RANDOM}:
        return f"{weights} weights"
    return weights_name(Path(weights))


def fingerprint_of(recipe: Recipe, settings: Settings) -> str:
    """Return the fingerprint without loading the network; the precision that *settings* name is none but ``auto``.

    Raises :class:`~embedder.errors.MissingWeights`.
    """
    return _fingerprint(_weights_name(settings.weights), recipe, settings.precision)


def _fingerprint(weights: str, recipe: Recipe, computed_in: str) -> str:
    return f"{weights}, {recipe.preparation_version}, {computed_in}"


def fetch_weights(recipe: Recipe, settings: Settings) -> None:
    """See that the weights are here, as far as that is possible without Keras: those of VGG16 are downloaded.

    Raises :class:`~embedder.errors.MissingWeights`.
    """
    if settings.weights == IMAGENET and recipe.application == "VGG16":
        vgg16_weights(settings.weights_dir)
    elif settings.weights not in {IMAGENET, RANDOM}:
        check_file(Path(settings.weights))


def recipe_for(name: str) -> Recipe:
    """Return the recipe called *name*: ``vgg16``, ``vgg16-classic`` or ``keras:<Application>``."""
    if name == "vgg16-classic":
        return Recipe(name, "VGG16", preparation.classic, preparation.CLASSIC_VERSION)
    application = "VGG16" if name == "vgg16" else name.removeprefix("keras:")
    return Recipe(name, application, preparation.sprite, preparation.SPRITE_VERSION)
