"""Finding, checking and fetching the weights of VGG16.

Keras deletes a cached file whose hash differs when it cannot download another,
and raises a bare Exception then; so the file is checked here and Keras is only
ever given a path.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from artstore.blobs import replacing
from artstore.command import progress
from embedder.errors import MissingWeights

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
VGG16_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{VGG16_FILE}"
VGG16_MD5 = "64373286793e3c8b2b4e3219cbf3544b"
"""With the top layers: ``fc2`` is one of them."""

CHECK_WEIGHTS = "check --weights, or use --embedder colour, which needs none"
"""What to do about a weights file that somebody named."""

VGG16_MIN_BYTES = 500_000_000
"""Smaller files need not be hashed to know that they are others."""

IMAGENET_NAME = "imagenet weights"

TIMEOUT_S = 20.0
CHUNK_BYTES = 1 << 20


def vgg16_weights(weights_dir: Path) -> Path:
    """Return the ImageNet weights below *weights_dir*, downloading them if they are not there.

    Raises :class:`~embedder.errors.MissingWeights` naming the file, where it
    belongs and what else can be done.
    """
    path = weights_dir.expanduser() / VGG16_FILE
    if not path.exists():
        _download(VGG16_URL, path)
    if _md5(path) != VGG16_MD5:
        raise MissingWeights(
            f"{path} is not the file it should be (md5 {VGG16_MD5}); move it away. {_remedy(path)}"
        )
    return path


def _remedy(path: Path) -> str:
    return f"Put {path.name} into {path.parent}, or give --weights PATH, or use --embedder colour, which needs none"


def file_hash(path: Path) -> str:
    """Return a short hash of the bytes of *path*. Raises :class:`~embedder.errors.MissingWeights`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise MissingWeights(f"no weights at {path} ({error.strerror}): {CHECK_WEIGHTS}") from error


def check_file(path: Path) -> None:
    """Raise :class:`~embedder.errors.MissingWeights` unless there is a file at *path*."""
    if not path.is_file():
        raise MissingWeights(f"no weights at {path}: {CHECK_WEIGHTS}")


def weights_name(path: Path) -> str:
    """Return what to call the weights at *path*: by their content, since files move and are renamed."""
    digest = file_hash(path)
    is_imagenet = path.stat().st_size > VGG16_MIN_BYTES and _md5(path) == VGG16_MD5
    return IMAGENET_NAME if is_imagenet else f"weights {digest}"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(url: str, path: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, replacing(path) as file:  # noqa: S310 - https
            _copy(response, file, path.name)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", None) or error
        raise MissingWeights(
            f"the ImageNet weights of VGG16 are not here and cannot be downloaded ({reason}). {_remedy(path)}"
        ) from error


def _copy(response: http.client.HTTPResponse, file: BinaryIO, name: str) -> None:
    """Copy *response* to *file*. Raises OSError, so that nothing is kept, if it is not what it should be."""
    digest = hashlib.md5(usedforsecurity=False)
    with progress(int(response.headers.get("Content-Length", 0)), name, "B") as bar:
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
    if digest.hexdigest() != VGG16_MD5:
        # A connection that breaks off ends like one that is done.
        raise OSError(f"what came, {file.tell()} bytes, is not the file it should be")
