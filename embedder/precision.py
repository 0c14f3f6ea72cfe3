"""In which numbers a network computes.

bfloat16 keeps the range of float32 and eight bits of its precision: features of VGG16
that were computed so have a cosine of 0.996 to those of float32. A processor with
units for matrices of it is five times as fast then; any other is slower.
"""

from __future__ import annotations

from artstore.errors import UsageError
from embedder.machine import has_matrix_units

AUTO = "auto"
FLOAT32 = "float32"
BFLOAT16 = "bfloat16"

PRECISIONS = (AUTO, FLOAT32, BFLOAT16)

_GPU_CAPABILITY = (8, 0)
"""From Ampere on, NVIDIA's GPUs have such units too."""


def check_precision(name: str) -> None:
    """Raise :class:`~artstore.errors.UsageError` unless *name* is a precision's."""
    if name not in PRECISIONS:
        raise UsageError(f"no precision is called {name!r}; there are {', '.join(PRECISIONS)}")


def of_processor() -> str:
    """Return the precision in which this machine's processor is fastest."""
    # Vector units for bfloat16 (``avx512_bf16``) do not make up for what the conversions take.
    return BFLOAT16 if has_matrix_units() else FLOAT32


def of_gpu(capability: tuple[int, int] | None) -> str:
    """Return the precision in which a GPU of that compute *capability* is fastest; None: it does not tell."""
    return BFLOAT16 if capability and capability >= _GPU_CAPABILITY else FLOAT32


def of_features(fingerprint: str) -> str:
    """Return the precision that features with that *fingerprint* were computed in, or ``auto`` if it names none."""
    told = fingerprint.rpartition(", ")[2]
    return told if told in PRECISIONS else AUTO
