"""Rejection of images that are probably not digits."""

import keras
import numpy as np
import tensorflow as tf

from dlunits.data.images.handwriting import normalize_size
from dlunits.typing import Array, Tensor


def p_values(scores: Tensor, confidences: Array) -> Tensor:
    """Conformal p-values of class probabilities.

        p = (1 + #{i: c_i <= max_k scores_k}) / (1 + n)

    where c_i is the confidence, the largest probability, of the i-th of n
    digits that the model was not trained on. If an image is a digit like
    these, P(p <= a) <= a: an image with p <= a is rejected at the rate a.

    References: Hendrycks and Gimpel, 2017, "A baseline for detecting
    misclassified and out-of-distribution examples in neural networks",
    https://arxiv.org/abs/1610.02136; Vovk, Gammerman and Shafer, 2005,
    "Algorithmic learning in a random world".

    Args:
        scores: `(batch, num_classes)`, probabilities.
        confidences: `(n,)`, the confidences of held-out digits, in any order.

    Returns:
        `(batch,)`, float32, from `1 / (1 + n)` to 1.

    Example: two of four confidences are at most 0.8, (1 + 2) / (1 + 4) = 0.6.

    >>> scores = tf.constant([[0.8, 0.2]])
    >>> round(float(p_values(scores, [0.9, 0.7, 0.8, 1.0])[0]), 4)
    0.6
    """
    ordered = tf.constant(np.sort(confidences), tf.float32)
    rank = tf.searchsorted(ordered, tf.reduce_max(scores, axis=1), "right")
    return tf.cast(1 + rank, tf.float32) / (1 + len(confidences))


def held_out_confidences(
    model: keras.Model, images: Array, num_classes: int = 10
) -> Array:
    """Confidences of digits that a model was not trained on.

    Args:
        model: Keras model of `(batch, 28, 28, 1)`, float32 in [0, 1], to
            probabilities of the classes and, optionally, of no class.
        images: uint8 array `(n, 28, 28, 1)`, digits in the format of MNIST.
            Their sizes are normalized as those of digits in photos are.
        num_classes: Number of classes.

    Returns:
        Array `(n,)`.
    """
    level = tf.cast(images[..., 0], tf.float32) / 255
    digits = normalize_size(level).numpy()
    outputs = model.predict(digits, batch_size=1000, verbose=0)
    return outputs[:, :num_classes].max(axis=1)
