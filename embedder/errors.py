"""Errors of the embedders.

artstore.errors.NotReady
├── MissingTensorFlow    the package is not installed
└── MissingWeights       a network without its weights would give nonsense
"""

from __future__ import annotations

from artstore.errors import NotReady

NO_TENSORFLOW = "this embedder needs TensorFlow; `pip install tensorflow`, or use --embedder colour"


class MissingTensorFlow(NotReady):
    """TensorFlow cannot be imported."""


class MissingWeights(NotReady):
    """The weights of a network are not here and cannot be had."""
