"""Weights from a file into a network, in small parts.

The largest array of VGG16 is 411 MB, of which Keras makes four copies on its way.
Read in parts, the weights take little more memory than the network itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedder.errors import MissingWeights
from embedder.weights import CHECK_WEIGHTS

PART_BYTES = 1 << 25

LARGE_BYTES = 1 << 26
"""What is smaller is left to Keras."""

Rows = Callable[[int, int], NDArray[Any]]
"""Gives the rows from one number to before another."""

Fill = Callable[[Any, Rows], None]
"""Lets a variable be what :data:`Rows` gives."""


def read_weights(network: Any, path: Path, fill: Fill) -> None:
    """Fill *network*, of Keras, from the file at *path*, one of ``.weights.h5`` or of the older ``.h5``.

    Raises :class:`~embedder.errors.MissingWeights` if it is not there, or holds no weights of this network.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            if "layer_names" in group.attrs:
                _read_older(network, group, fill)
                return
        _read_by_keras(network, path, fill)
    except (OSError, ValueError, KeyError, TypeError, UserWarning) as error:
        why = str(error).partition(". ")[0].rstrip(".")
        raise MissingWeights(f"{path} holds no weights for this network ({why}): {CHECK_WEIGHTS}") from error


def _read_older(network: Any, group: Any, fill: Fill) -> None:
    """Read what Keras wrote until 2023, and calls legacy: layer after layer, each with the list of its arrays."""
    stored = [
        [group[name][array] for array in arrays]
        for name in _names(group, "layer_names")
        if (arrays := _names(group[name], "weight_names"))
    ]
    layers = [layer.weights for layer in network.layers if layer.weights]
    if [len(arrays) for arrays in stored] != [len(variables) for variables in layers]:
        raise ValueError(
            f"it has {len(stored)} layers with weights, or others, and the network has {len(layers)}"
        )
    for variable, array in zip(chain(*layers), chain(*stored), strict=True):
        _copy(variable, array, fill)


def _names(group: Any, what: str) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else name for name in group.attrs[what]]


def _read_by_keras(network: Any, path: Path, fill: Fill) -> None:
    for layer in network.layers:
        if any(_size_bytes(variable) >= LARGE_BYTES for variable in layer.weights):
            # Keras asks each layer to read its own.
            layer.load_own_variables = partial(_read_layer, layer.weights, fill)
    with warnings.catch_warnings():
        # Of parts that the file lacks Keras only warns, and leaves them as they were.
        warnings.simplefilter("error", UserWarning)
        network.load_weights(path)


def _read_layer(variables: Sequence[Any], fill: Fill, store: Any) -> None:
    if len(variables) != len(store.keys()):
        raise ValueError(f"a layer has {len(variables)} arrays, and {len(store.keys())} in the file")
    for number, variable in enumerate(variables):
        _copy(variable, store[str(number)], fill)


def _copy(variable: Any, array: Any, fill: Fill) -> None:
    if tuple(array.shape) != tuple(variable.shape):
        raise ValueError(
            f"an array has the shape {tuple(array.shape)}, and {tuple(variable.shape)} in the network"
        )
    if array.shape:
        fill(variable, lambda start, end: array[start:end])
    else:
        variable.assign(array[()])


def parts(variable: Any) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of rows of *variable* that are :data:`PART_BYTES` together."""
    count = variable.shape[0]
    step = max(1, count * PART_BYTES // max(1, _size_bytes(variable)))
    for start in range(0, count, step):
        yield start, min(start + step, count)


def _size_bytes(variable: Any) -> int:
    return int(np.prod(variable.shape)) * int(variable.value.dtype.size)
