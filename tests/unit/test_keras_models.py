"""The networks of Keras: the numbers that Keras itself gives, and messages instead of tracebacks."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from artstore.errors import UsageError
from artstore.features import unit
from artstore.settings import Settings
from embedder import preparation
from embedder.errors import MissingWeights
from embedder.keras_models import (
    KerasEmbedder,
    Recipe,
    fill,
    halving,
    has_tensorflow,
    import_keras,
    recipe_for,
)
from embedder.registry import check_name, open_embedder
from embedder.stored_weights import read_weights
from tests import shelf

# Keras, saving weights, calls numpy in a way that numpy will end.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

needs_tensorflow = [
    pytest.mark.tf,
    pytest.mark.skipif(not has_tensorflow() and "CI" not in os.environ, reason="TensorFlow is not installed"),
]

MOBILE = "keras:MobileNetV2"


def tf(function: Any) -> Any:
    for mark in needs_tensorflow:
        function = mark(function)
    return function


def batch_of(embedder: KerasEmbedder, folder: Path, count: int = 4) -> NDArray[Any]:
    shelf.save_sprites(folder, count)
    return np.stack([embedder.prepare(path) for path in sorted(folder.iterdir())])


def save_as_keras_2_did(layers: Sequence[Any], path: Path) -> None:
    """Layer after layer, each with the names of its arrays: what the ImageNet weights of Keras are in to this day."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{number}:0" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array


@pytest.fixture(scope="module")
def vgg16_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Any]]:
    """(a file of random weights, the network of Keras that they came from); half a gigabyte each."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    network = keras.applications.VGG16(weights=None)
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    network.save_weights(path)
    yield path, keras.Model(network.input, network.get_layer("fc2").output)
    path.unlink()


@pytest.fixture(scope="module")
def vgg16(vgg16_file: tuple[Path, Any]) -> KerasEmbedder:
    return KerasEmbedder(recipe_for("vgg16"), Settings(weights=str(vgg16_file[0]), precision="float32"))


@pytest.fixture(scope="module")
def mobile() -> KerasEmbedder:
    return KerasEmbedder(recipe_for(MOBILE), Settings(weights="random"))


@tf
def test_vgg16_gives_what_keras_gives_for_fc2(
    vgg16: KerasEmbedder, vgg16_file: tuple[Path, Any], tmp_path: Path
) -> None:
    batch = batch_of(vgg16, tmp_path)
    found = vgg16.embed(batch)
    assert found.shape == (4, vgg16.dim) == (4, 4096)
    assert found.dtype == np.float32
    keras = import_keras()
    ready = keras.applications.vgg16.preprocess_input(batch.astype(np.float32))
    expected = vgg16_file[1].predict(ready, verbose=0)
    assert expected.std() > 1e-3, "the network answers nothing, so there is nothing to compare"
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    assert np.any(np.abs(found[0] - found[1]) > 1e-3 * np.abs(expected).max())


@tf
@pytest.mark.parametrize("older", [False, True])
def test_weights_are_read_as_keras_reads_them(
    vgg16_file: tuple[Path, Any],
    tmp_path: Path,
    older: bool,  # noqa: FBT001
) -> None:
    keras = import_keras()
    path, known = vgg16_file
    network = keras.applications.VGG16(weights=None)
    if older:
        path = tmp_path / "older.h5"
        top = keras.layers.Dense(1000, name="predictions")
        top.build((None, 4096))
        save_as_keras_2_did([*known.layers, top], path)
    read_weights(network, path, fill)
    for layer in (layer for layer in known.layers if layer.weights):
        found = network.get_layer(layer.name).get_weights()
        for expected, array in zip(layer.get_weights(), found, strict=True):
            np.testing.assert_array_equal(array, expected)


@tf
def test_an_array_of_one_number_is_read_like_any_other(tmp_path: Path) -> None:
    keras = import_keras()
    # It counts what it was adapted to in such a one.
    network = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(224, 224, 3))
    assert any(variable.shape == () for variable in network.weights)
    save_as_keras_2_did(network.layers, tmp_path / "older.h5")
    again = keras.models.clone_model(network)
    read_weights(again, tmp_path / "older.h5", fill)
    for expected, array in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


@tf
def test_in_bfloat16_features_are_much_the_same_and_say_so(tmp_path: Path) -> None:
    rounded, exact = (
        KerasEmbedder(recipe_for("vgg16"), Settings(weights="random", precision=precision))
        for precision in ("bfloat16", "float32")
    )
    assert rounded.fingerprint.endswith(", bfloat16")
    assert exact.fingerprint.endswith(", float32")
    batch = batch_of(exact, tmp_path, 24)
    one, other = unit(rounded.embed(batch)), unit(exact.embed(batch))
    cosines = (one * other).sum(axis=1)
    assert 0.99 < cosines.mean() < 1 - 1e-6


@tf
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_a_batch_that_memory_does_not_take_is_embedded_in_parts(most: int) -> None:
    asked: list[int] = []

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        import tensorflow as tf

        asked.append(len(batch))
        if len(batch) > most:
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")
        return batch * 2

    whole = np.arange(40, dtype=np.float32).reshape(20, 2)
    in_parts = halving(run)
    for _ in range(2):
        np.testing.assert_array_equal(in_parts(whole), whole * 2)
    refused = [size for size in asked if size > most]
    assert len(refused) == len(set(refused)), "it remembers what was too much"


@tf
def test_the_classic_way_gives_what_the_old_system_gave(
    vgg16: KerasEmbedder, vgg16_file: tuple[Path, Any], tmp_path: Path
) -> None:
    keras = import_keras()
    path = next(shelf.save_sprites(tmp_path, 1).iterdir())
    with Image.open(path) as image:
        old = np.array(image.resize((224, 224)).convert("RGB"), np.float32)
    expected = vgg16_file[1].predict(keras.applications.vgg16.preprocess_input(old[None]), verbose=0)
    found = vgg16.embed(preparation.classic(path, 224, 10_000)[None])
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@tf
@pytest.mark.parametrize("which", ["vgg16", "mobile"])
def test_a_batch_is_its_pictures_one_by_one_and_stays_as_it_was(
    request: pytest.FixtureRequest, tmp_path: Path, which: str
) -> None:
    embedder: KerasEmbedder = request.getfixturevalue(which)
    batch = batch_of(embedder, tmp_path)
    before = batch.copy()
    together = embedder.embed(batch)
    np.testing.assert_array_equal(batch, before)
    alone = np.concatenate([embedder.embed(one[None]) for one in batch])
    np.testing.assert_allclose(together, alone, atol=1e-3 * np.abs(together).max())


@tf
def test_another_application_gives_its_pooled_features(mobile: KerasEmbedder, tmp_path: Path) -> None:
    found = mobile.embed(batch_of(mobile, tmp_path))
    assert found.shape == (4, mobile.dim) == (4, 1280)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert mobile.name == MOBILE


@tf
def test_random_weights_are_the_same_every_time(mobile: KerasEmbedder, tmp_path: Path) -> None:
    again = KerasEmbedder(recipe_for(MOBILE), Settings(weights="random"))
    assert again.fingerprint == mobile.fingerprint
    batch = batch_of(mobile, tmp_path, 1)
    np.testing.assert_allclose(again.embed(batch), mobile.embed(batch), rtol=1e-4, atol=1e-4)


@tf
def test_the_fingerprint_names_weights_and_preparation(mobile: KerasEmbedder, tmp_path: Path) -> None:
    keras = import_keras()
    network = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
    network.save_weights(tmp_path / "a.weights.h5")
    from_file = Settings(weights=str(tmp_path / "a.weights.h5"))
    one = KerasEmbedder(recipe_for(MOBILE), from_file)
    same = KerasEmbedder(recipe_for(MOBILE), from_file)
    classic = Recipe(MOBILE, "MobileNetV2", preparation.classic, preparation.CLASSIC_VERSION)
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, mobile.fingerprint, KerasEmbedder(classic, from_file).fingerprint}) == 3


@tf
@pytest.mark.parametrize(
    "application", ["Nope", "", "preprocess_input", "vgg16", "mobilenetv2", "../MobileNetV2"]
)
def test_an_unknown_application_is_answered_with_those_there_are(application: str) -> None:
    with pytest.raises(UsageError, match=r"there are .*MobileNetV2.*VGG16"):
        open_embedder(Settings(embedder=f"keras:{application}", weights="random"))


@tf
@pytest.mark.parametrize("application", ["MobileNetV3Small", "EfficientNetB0"])
def test_applications_that_keras_keeps_elsewhere_work_too(application: str, tmp_path: Path) -> None:
    embedder = open_embedder(Settings(embedder=f"keras:{application}", weights="random"))
    assert isinstance(embedder, KerasEmbedder)
    assert np.isfinite(embedder.embed(batch_of(embedder, tmp_path, 1))).all()


@tf
@pytest.mark.parametrize("content", [None, b"not weights", "of another network"])
def test_weights_that_do_not_fit_are_refused_by_name(tmp_path: Path, content: bytes | str | None) -> None:
    path = tmp_path / "x.weights.h5"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        keras = import_keras()
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(path)
    with pytest.raises(MissingWeights, match=r"x\.weights\.h5") as caught:
        open_embedder(Settings(embedder=MOBILE, weights=str(path)))
    assert "--embedder colour" in str(caught.value)
    assert "\n" not in str(caught.value)


@tf
def test_vgg16_without_its_weights_is_never_another_network(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("embedder.weights.VGG16_URL", "http://127.0.0.1:9/none.h5")
    with pytest.raises(MissingWeights, match="--embedder colour"):
        open_embedder(Settings(embedder="vgg16", weights_dir=tmp_path))


def test_the_two_ways_of_vgg16_differ_only_in_the_preparation() -> None:
    new, classic = recipe_for("vgg16"), recipe_for("vgg16-classic")
    assert new.application == classic.application == "VGG16"
    assert (new.prepare, classic.prepare) == (preparation.sprite, preparation.classic)
    assert new.preparation_version != classic.preparation_version


@pytest.mark.parametrize("name", ["", "VGG16", "vgg", "Keras:MobileNetV2", "colour2", "keras"])
def test_an_unknown_embedder_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"vgg16, vgg16-classic, keras:<Application>, colour"):
        check_name(name)


@pytest.mark.parametrize(
    "program",
    [
        "import embedder.__main__, search.__main__, ogaspider.pipelines.embed, search",
        "import artstore.settings as s, embedder.registry as r; r.open_embedder(s.Settings(embedder='colour'))",
    ],
)
def test_tensorflow_is_not_imported_before_it_is_needed(program: str) -> None:
    asked = f"{program}\nimport sys\nprint([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=shelf.ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_without_tensorflow_the_message_says_what_to_install_and_what_works(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('none here')")
    shelf.save_sprites(tmp_path / "art", 2)
    data = tmp_path / "data"
    words = ("--add", tmp_path / "art", "--embedder", "vgg16", "--weights", "random")
    done = shelf.embedder(data, *words, PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    for part in ("TensorFlow", "pip install", "--embedder colour"):
        assert part in done.stderr
