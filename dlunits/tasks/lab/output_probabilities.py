"""Whether the outputs of a classifier are probabilities, and its loss."""

from collections.abc import Sequence

import keras
import numpy as np

NUM_TRIED = 4  # examples
TOLERANCE = 1e-2  # of the sum of the outputs, not exactly 1 in float16


def returns_probabilities(
    model: keras.Model, input_shape: Sequence[int]
) -> bool:
    """Whether a classifier returns probabilities, and not logits.

    It does if its outputs for random examples are not negative and their sum is
    1. They are computed with new initial weights, because the weights are NaN
    after a training that diverged.

    Args:
        model: Model with an output per class. It is not changed.
        input_shape: Shape of an example.

    Returns:
        `True` for probabilities.

    Example:

    >>> layers = [keras.Input((2,)), keras.layers.Dense(3, "softmax")]
    >>> returns_probabilities(keras.Sequential(layers), (2,))
    True
    """
    fresh = keras.models.clone_model(model)
    examples = np.random.default_rng(0).normal(size=(NUM_TRIED, *input_shape))
    outputs = keras.ops.convert_to_numpy(
        fresh(examples.astype("float32"), training=False)
    )
    sums = outputs.sum(axis=-1, dtype="float64")
    return bool(outputs.min() >= 0 and (np.abs(sums - 1) < TOLERANCE).all())


def cross_entropy(
    model: keras.Model, input_shape: Sequence[int]
) -> keras.losses.CategoricalCrossentropy:
    """Cross-entropy of a classifier that returns probabilities, or logits.

    Args:
        model, input_shape: As in `returns_probabilities`.

    Example:

    >>> layers = [keras.Input((2,)), keras.layers.Dense(3)]
    >>> cross_entropy(keras.Sequential(layers), (2,)).from_logits
    True
    """
    return keras.losses.CategoricalCrossentropy(
        from_logits=not returns_probabilities(model, input_shape)
    )
